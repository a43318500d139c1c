package import Domain

/// Why a backend could not be found, trusted, loaded, inspected or started.
///
/// Failures of single calls are outcomes, not errors.
package struct BackendError: Error, Sendable, Hashable {
    /// What went wrong, for decisions and tests.
    package enum Code: String, Sendable, CaseIterable {
        /// No file of that name.
        case notFound = "backend_not_found"
        /// The path is outside the allowed directories, not a regular file, or others could change it.
        case notTrusted = "backend_not_trusted"
        /// The content is not what was recorded.
        case digestMismatch = "backend_digest_mismatch"
        /// The file could not be read.
        case unreadable = "backend_unreadable"
        /// The dynamic linker refused it.
        case notLoadable = "backend_not_loadable"
        /// It has no entry symbol.
        case noEntry = "backend_no_entry"
        /// It was built for another version of the ABI, or refused ours.
        case abiMismatch = "backend_abi_mismatch"
        /// Its table breaks the contract.
        case badDescriptor = "backend_bad_descriptor"
        /// The process that inspected it crashed, hung or said nothing sensible.
        case inspectionFailed = "backend_inspection_failed"
        /// It refused to make an instance.
        case createFailed = "backend_create_failed"
        /// The host's own bound: too many instances, slots, or bytes of configuration.
        case limitExceeded = "backend_limit_exceeded"
    }

    /// What went wrong.
    package var code: Code
    /// A constant sentence; what varies is in `context`.
    package var message: String
    /// Paths, versions, sizes, in the order they are worth reading.
    package var context: [Detail]
    /// What the layer below said, when it said something.
    package var cause: String?
    /// The class a backend gave when it refused to make an instance.
    package var errorClass: ErrorClass?

    /// One varying part of an error.
    package struct Detail: Sendable, Hashable {
        /// What it is, such as `path`.
        package var name: String
        /// Its value.
        package var value: String
    }

    init(
        _ code: Code,
        _ message: String,
        _ context: KeyValuePairs<String, String> = [:],
        cause: String? = nil,
        errorClass: ErrorClass? = nil
    ) {
        self.code = code
        self.message = message
        self.context = context.map { Detail(name: $0.key, value: $0.value) }
        self.cause = cause
        self.errorClass = errorClass
    }
}

extension BackendError: CustomStringConvertible {
    /// One line: the sentence, the details, the cause.
    package var description: String {
        let details = context.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        let head = details.isEmpty ? message : "\(message) (\(details))"
        return cause.map { "\(head): \($0)" } ?? head
    }
}
