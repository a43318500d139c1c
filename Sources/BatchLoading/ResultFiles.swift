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
        guard let line = BatchOutputLine(result) else {
            count.unfinished += 1
            return
        }
        if line.isAnswer {
            count.succeeded += 1
            try output?.append(line)
        } else {
            count.failed += 1
            try errors?.append(line)
        }
    }

    /// Puts the files in their places.
    package mutating func finish() throws(BatchFileError) {
        try output?.finish()
        try errors?.finish()
    }
}
