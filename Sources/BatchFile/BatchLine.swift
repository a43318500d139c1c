public import Domain

/// One request of a batch file that passed every check.
public struct BatchLine: Sendable, Hashable {
    /// The line it is on, counted from 1.
    public let number: Int
    /// The client's name for the request, unique in its file.
    public let customID: String
    /// What is asked for.
    ///
    /// The same for every line of a file.
    public let kind: JobKind
    /// The model the body names.
    public let model: String
    /// The request itself: a JSON object, byte for byte as it is in the file.
    public let body: [UInt8]
}

/// Something wrong with a line of a batch file.
public struct BatchProblem: Sendable, Hashable {
    /// What is wrong, as the batch error file names it.
    public enum Code: String, Sendable, CaseIterable {
        case lineTooLong = "line_too_long"
        case invalidJSON = "invalid_json_line"
        case nulCharacter = "nul_character"
        case invalidCustomID = "invalid_custom_id"
        case duplicateCustomID = "duplicate_custom_id"
        case invalidMethod = "invalid_method"
        case invalidURL = "invalid_url"
        case mismatchedURL = "mismatched_url"
        case invalidBody = "invalid_body"
        case invalidModel = "invalid_model"
        case tooManyModels = "too_many_models"
        case tooManyLines = "too_many_lines"
        case emptyFile = "empty_file"
    }

    /// The line, counted from 1.
    public let line: Int
    /// What is wrong.
    public let code: Code
    /// What is wrong, in one sentence.
    public let message: String
    /// The line's `custom_id`, when it was readable.
    public let customID: String?
}

/// What stands on a line that is not blank.
public enum BatchEntry: Sendable, Hashable {
    case line(BatchLine)
    case problem(BatchProblem)
}
