/// A batch could not be loaded, for a reason that lies neither in the database nor in the file system.
package struct BatchLoadingError: Error, Sendable, CustomStringConvertible {
    /// What a caller can decide by.
    package enum Code: String, Sendable, CaseIterable {
        /// The file has lines that cannot be sent. Nothing was queued.
        case invalidLines = "invalid_lines"
        /// The file names models there are not. Nothing was queued.
        case unknownModels = "unknown_models"
        /// The file is not what it was when it was checked. What was queued of it was cancelled.
        case fileChanged = "file_changed"
        /// The database stored other rows than it was sent: a trigger or a rule of somebody's. The chunk was not queued.
        case rowsMissing = "rows_missing"
        /// Somebody cancelled the batch while it was being loaded.
        case cancelled
        /// There is no such batch.
        case notFound = "not_found"
    }

    /// What a caller can decide by.
    package let code: Code
    /// One sentence for a person.
    package let message: String
    /// What the person can do.
    package let hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { hint.map { "\(message) \($0)" } ?? message }
}
