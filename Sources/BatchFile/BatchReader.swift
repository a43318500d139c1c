import Domain

/// Reads a batch file line by line, in the memory of one buffer and one line, and the hashes of the ids seen.
///
/// Blank lines do not count. A line may end in CR LF, the last one in nothing; the first may begin with a UTF-8 byte
/// order mark. Reading goes on after a problem, except when there are too many lines.
public struct BatchReader: Sendable {
    private let limits: BatchLimits
    private let part: Range<Int64>
    private var buffer: LineBuffer
    private var checker: LineChecker
    /// The line in hand, counted from 1.
    private var number = 0
    /// Lines in hand and before that are not blank.
    private var used = 0
    private var isFinished = false

    /// How far the file was read.
    public var bytesRead: Int64 { buffer.offset }

    /// Reads all of `file`, or the lines that begin in `part` of it, which begins where a block does: behind its first
    /// byte, or the file's, and not behind its end.
    init(_ file: BatchFile, part: Range<Int64>? = nil) {
        limits = file.limits
        self.part = part ?? 0..<Int64.max
        buffer = LineBuffer(file, from: self.part.lowerBound)
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
        var summary = try lines(progress: progress)
        if summary.lines + summary.problemCount == 0 {
            summary.problemCount = 1
            summary.problems = [
                BatchProblem(line: 1, code: .emptyFile, message: "The file has no requests.", customID: nil)
            ]
        }
        return summary
    }

    /// Like `summary`, of a part of a file, which may have no requests; `endsAtProblem` when it has to have no problem.
    private mutating func lines(
        endsAtProblem: Bool = false, progress: (Int64) -> Void
    ) throws(BatchFileError) -> BatchSummary {
        var summary = BatchSummary()
        var reported = bytesRead
        while let step = try step() {
            switch step {
            case .request(let request, let range):
                summary.index.append(request, at: buffer.fileOffset(of: range.lowerBound), number: number)
            case .problem(let problem):
                summary.problemCount += 1
                if summary.problems.count < limits.maximumListedProblems { summary.problems.append(problem) }
                if endsAtProblem { return summary }
            }
            if bytesRead != reported {
                reported = bytesRead
                progress(reported)
            }
        }
        summary.kind = checker.kind
        summary.models = Dictionary(uniqueKeysWithValues: zip(checker.models, checker.counts))
        (summary.index.kind, summary.index.models, summary.index.blocks) = (checker.kind, checker.models, buffer.blocks)
        summary.bytes = bytesRead
        return summary
    }

    /// Reads a part of a file that has no problem in it; nil when it has one.
    mutating func flawlessPart(progress: (Int64) -> Void) throws(BatchFileError) -> CheckedPart? {
        if part.lowerBound > 0 { _ = try buffer.next() }
        let summary = try lines(endsAtProblem: true, progress: progress)
        guard summary.problemCount == 0 else { return nil }
        return CheckedPart(
            range: part, index: summary.index, checker: checker, lines: number, bytesRead: bytesRead)
    }

    private enum Step {
        case request(LineChecker.Request, Range<Int>)
        case problem(BatchProblem)
    }

    private mutating func step() throws(BatchFileError) -> Step? {
        while !isFinished, let line = try buffer.next() {
            if case .text(let range) = line, buffer.fileOffset(of: range.lowerBound) > part.upperBound {
                isFinished = true
                return nil
            }
            number += 1
            let verdict: LineChecker.Verdict
            var range = 0..<0
            switch line {
            case .tooLong:
                verdict = .problem(problem(.lineTooLong, "The line is longer than \(limits.maximumLineBytes) bytes."))
            case .text(let found):
                range = found
                if number == 1, part.lowerBound == 0 { range = afterByteOrderMark(range) }
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
