import Domain

/// Reads a batch file line by line, in the memory of one buffer and one line, and the hashes of the ids seen.
///
/// Blank lines do not count. A line may end in CR LF, the last one in nothing; the first may begin with a UTF-8 byte
/// order mark. Reading goes on after a problem, except when there are too many lines.
public struct BatchReader: Sendable {
    private let limits: BatchLimits
    private var buffer: LineBuffer
    private var checker: LineChecker
    /// The line in hand, counted from 1.
    private var number = 0
    /// Lines in hand and before that are not blank.
    private var used = 0
    private var isFinished = false

    /// How much of the file was read.
    public var bytesRead: Int64 { buffer.offset }

    /// The SHA-256 of the file in hexadecimal; nil until the whole of it was read.
    public var sha256: String? {
        guard buffer.isAtEnd, let hash = buffer.blocks.last else { return nil }
        return hash.reduce(into: "") { text, byte in
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
    }

    init(_ file: BatchFile) {
        limits = file.limits
        buffer = LineBuffer(file)
        checker = LineChecker(file.limits)
    }

    /// The next line that is not blank; nil at the end.
    public mutating func next() throws(BatchFileError) -> BatchEntry? {
        switch try step() {
        case nil: return nil
        case .problem(let problem): return .problem(problem)
        case .request(let request, let range):
            let text = buffer.bytes.span.extracting(range)
            return .line(
                BatchLine(
                    number: number,
                    customID: String(decoding: LineChecker.decoded(text, request.customID), as: UTF8.self),
                    kind: request.kind,
                    model: checker.models[request.model],
                    body: text.extracting(request.body.range).withUnsafeBufferPointer { Array($0) }
                )
            )
        }
    }

    /// Reads all that is left and sums it up, without making a value of every line.
    mutating func summary(progress: (Int64) -> Void) throws(BatchFileError) -> BatchSummary {
        var summary = BatchSummary()
        var reported: Int64 = 0
        while let step = try step() {
            switch step {
            case .request(let request, let range):
                summary.index.append(request, at: buffer.fileOffset(of: range.lowerBound), number: number)
            case .problem(let problem):
                summary.problemCount += 1
                if summary.problems.count < limits.maximumListedProblems { summary.problems.append(problem) }
            }
            if bytesRead != reported {
                reported = bytesRead
                progress(reported)
            }
        }
        if summary.lines + summary.problemCount == 0 {
            summary.problemCount = 1
            summary.problems = [
                BatchProblem(line: 1, code: .emptyFile, message: "The file has no requests.", customID: nil)
            ]
        }
        summary.kind = checker.kind
        summary.models = Dictionary(uniqueKeysWithValues: zip(checker.models, checker.counts))
        (summary.index.kind, summary.index.models, summary.index.blocks) = (checker.kind, checker.models, buffer.blocks)
        summary.bytes = bytesRead
        summary.sha256 = sha256
        return summary
    }

    private enum Step {
        case request(LineChecker.Request, Range<Int>)
        case problem(BatchProblem)
    }

    private mutating func step() throws(BatchFileError) -> Step? {
        while !isFinished, let line = try buffer.next() {
            number += 1
            let verdict: LineChecker.Verdict
            var range = 0..<0
            switch line {
            case .tooLong:
                verdict = .problem(problem(.lineTooLong, "The line is longer than \(limits.maximumLineBytes) bytes."))
            case .text(let found):
                range = found
                if number == 1 { range = afterByteOrderMark(range) }
                verdict =
                    used < limits.maximumLines
                    ? Self.check(&checker, buffer.bytes, range, number: number) : overflow(range)
            }
            switch verdict {
            case .blank: continue
            case .request(let request):
                used += 1
                return .request(request, range)
            case .problem(let problem):
                used += 1
                return .problem(problem)
            }
        }
        return nil
    }

    /// Asks `checker` about the line at `range` of `bytes`, outside `self`, whose parts the compiler cannot tell apart here.
    private static func check(
        _ checker: inout LineChecker, _ bytes: [UInt8], _ range: Range<Int>, number: Int
    ) -> LineChecker.Verdict {
        checker.check(bytes.span.extracting(range), number: number)
    }

    /// The verdict on a line after the last allowed one: the end, unless it is blank.
    private mutating func overflow(_ range: Range<Int>) -> LineChecker.Verdict {
        if LineChecker.isBlank(buffer.bytes.span.extracting(range)) { return .blank }
        isFinished = true
        return .problem(
            problem(.tooManyLines, "The file has more than \(limits.maximumLines) lines; it was read no further."))
    }

    private func problem(_ code: BatchProblem.Code, _ message: String) -> BatchProblem {
        BatchProblem(line: number, code: code, message: message, customID: nil)
    }

    private func afterByteOrderMark(_ range: Range<Int>) -> Range<Int> {
        let hasMark =
            range.count >= 3 && buffer.bytes[range.lowerBound..<range.lowerBound + 3].elementsEqual([0xEF, 0xBB, 0xBF])
        return hasMark ? range.lowerBound + 3..<range.upperBound : range
    }
}
