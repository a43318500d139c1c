public import SystemPackage

/// A batch file could not be read or written at all.
///
/// Wrong lines are not errors but `BatchProblem`s.
public struct BatchFileError: Error, Sendable, Hashable {
    /// What went wrong.
    public enum Code: String, Sendable, CaseIterable {
        case notFound = "not_found"
        case notPermitted = "not_permitted"
        case isDirectory = "is_directory"
        case tooLarge = "too_large"
        case changed
        case cannotCreate = "cannot_create"
        case noSpace = "no_space"
        case readFailed = "read_failed"
        case writeFailed = "write_failed"
    }

    /// What went wrong.
    public let code: Code
    /// The file, as the caller named it.
    public let path: String
    /// What the system said; nil when it was not the system.
    public let cause: Errno?

    /// An error of kind `code` about `path`.
    public init(_ code: Code, path: String, cause: Errno? = nil) {
        self.code = code
        self.path = path
        self.cause = cause
    }

    /// The error for what the system said, or `otherwise` when nothing more precise is known.
    init(_ cause: Errno, path: String, otherwise: Code) {
        let code: Code =
            switch cause {
            case .noSuchFileOrDirectory: otherwise == .cannotCreate ? .cannotCreate : .notFound
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: .notPermitted
            case .isDirectory: .isDirectory
            case .noSpace, .diskQuotaExceeded: .noSpace
            case .fileTooLarge: .tooLarge
            default: otherwise
            }
        self.init(code, path: path, cause: cause)
    }
}

extension BatchFileError: CustomStringConvertible {
    /// One sentence that names the file.
    public var description: String {
        let reason = cause.map { " (\($0))" } ?? ""
        return switch code {
        case .notFound: "There is no file \(path)."
        case .notPermitted: "The permissions of \(path) or its folder do not allow this\(reason)."
        case .isDirectory: "\(path) is a folder, not a file."
        case .tooLarge: "\(path) is larger than allowed."
        case .changed: "\(path) was changed while it was being read."
        case .cannotCreate: "\(path) cannot be created\(reason)."
        case .noSpace: "The disk is full: \(path) could not be written."
        case .readFailed: "\(path) could not be read\(reason)."
        case .writeFailed: "\(path) could not be written\(reason)."
        }
    }
}
