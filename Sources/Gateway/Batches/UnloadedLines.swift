import BatchFile

/// The lines of a batch's input that never became jobs, as lines of its error file, in their order.
///
/// A batch may be cut off before its input was checked: then a line that could not have been sent says so.
actor UnloadedLines {
    private var reader: BatchReader
    private var left: Int
    private let code: String
    private let message: String

    /// Reads `file`, whose first `loaded` requests are jobs.
    init(_ file: BatchFile, loaded: Int, isCancelled: Bool) {
        reader = file.read()
        left = loaded
        (code, message) =
            isCancelled
            ? ("batch_cancelled", "its batch was cancelled") : ("batch_expired", "the window of its batch ended")
    }

    /// The next line; nil at the end.
    ///
    /// - Throws: `BatchFileError`.
    func next() throws(BatchFileError) -> BatchOutputLine? {
        while let entry = try reader.next() {
            switch entry {
            case .line where left > 0: left -= 1
            case .line(let line):
                return BatchOutputLine(
                    id: "line_\(line.number)", customID: line.customID,
                    outcome: .failed(code: code, message: message, statusCode: nil))
            case .problem(let problem):
                return BatchOutputLine(
                    id: "line_\(problem.line)", customID: problem.customID,
                    outcome: .failed(code: problem.code.rawValue, message: problem.message, statusCode: nil))
            }
        }
        return nil
    }
}
