package import BatchFile
import Domain
package import Queue

/// The output and the error file of a batch, either of which may be left out.
///
/// They are there as a whole after `finish()`, or not at all.
package struct ResultFiles: ~Copyable {
    private var output: OutputFile?
    private var errors: OutputFile?

    /// Begins to write to the paths that are given.
    package init(output: String?, errors: String?) throws(BatchFileError) {
        self.output = if let output { try OutputFile(path: output) } else { nil }
        self.errors = if let errors { try OutputFile(path: errors) } else { nil }
    }

    /// Appends a line that could not be sent to the error file.
    package mutating func append(_ problem: BatchProblem) throws(BatchFileError) {
        try errors?.append(
            BatchOutputLine(
                id: "line_\(problem.line)", customID: problem.customID,
                outcome: .failed(code: problem.code.rawValue, message: problem.message, statusCode: nil)))
    }

    /// Appends every line of `file` that cannot be sent, reading it once more.
    package mutating func append(problemsOf file: BatchFile) throws(BatchFileError) {
        guard errors != nil else { return }
        var reader = file.read()
        while let entry = try reader.next() {
            if case .problem(let problem) = entry { try append(problem) }
        }
    }

    /// Appends a result to the file it belongs to; one that has not ended to neither.
    package mutating func append(
        _ result: BatchResult, counting count: inout BatchResults.Count
    ) throws(BatchFileError) {
        guard let state = result.state else {
            count.unfinished += 1
            return
        }
        if state == .succeeded, let body = result.body {
            count.succeeded += 1
            try output?.append(
                BatchOutputLine(id: "\(result.job)", customID: result.customID, outcome: .answered(body: body)))
        } else {
            count.failed += 1
            try errors?.append(
                BatchOutputLine(id: "\(result.job)", customID: result.customID, outcome: Self.failure(result, state)))
        }
    }

    /// Puts the files in their places.
    package mutating func finish() throws(BatchFileError) {
        try output?.finish()
        try errors?.finish()
    }

    private static func failure(_ result: BatchResult, _ state: JobState) -> BatchOutputLine.Outcome {
        let message = result.errorMessage ?? "The request was \(state.rawValue)."
        guard state == .failed, let errorClass = result.errorClass else {
            return .failed(
                code: state == .expired ? "batch_expired" : state == .cancelled ? "batch_cancelled" : state.rawValue,
                message: message, statusCode: nil)
        }
        // OpenAI's clients look for the code in `error`; a body without one tells them nothing.
        if let body = result.body, hasErrorObject(body) {
            return .refused(body: body, statusCode: errorClass.statusCode)
        }
        return .failed(code: errorClass.rawValue, message: message, statusCode: errorClass.statusCode)
    }

    private static func hasErrorObject(_ body: [UInt8]) -> Bool {
        var scanner = JSONScanner(selecting: [["error"]])
        do throws(JSONScanError) { try scanner.scan(body.span) } catch { return false }
        return scanner.root == .object && scanner[0]?.kind == .object
    }
}

extension ErrorClass {
    /// The status a single request would have been answered with.
    var statusCode: Int {
        switch self {
        case .invalidRequest, .unsupported: 400
        case .auth: 401
        case .rateLimited: 429
        case .overloaded: 503
        case .timeout: 504
        case .retryable, .fatal, .workerLost, .crash: 500
        }
    }
}
