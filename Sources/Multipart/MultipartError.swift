/// A form could not be read.
package struct MultipartError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong.
    package enum Code: String, Sendable, CaseIterable {
        case notMultipart = "not_multipart"
        case invalidBoundary = "invalid_boundary"
        case invalidHead = "invalid_head"
        case unnamedPart = "unnamed_part"
        case headTooLong = "head_too_long"
        case tooManyParts = "too_many_parts"
        case preambleTooLong = "preamble_too_long"
        case truncated
    }

    /// What went wrong.
    package let code: Code

    package init(_ code: Code) { self.code = code }

    /// One sentence.
    package var description: String {
        switch code {
        case .notMultipart: "The request has to be a form: Content-Type: multipart/form-data; boundary=…."
        case .invalidBoundary: "The form's boundary has to have 1 to 70 characters and to stand on lines of its own."
        case .invalidHead: "The head of a part of the form is not a list of header fields."
        case .unnamedPart: "A part of the form has no name: Content-Disposition: form-data; name=\"…\"."
        case .headTooLong: "The head of a part of the form is too long."
        case .tooManyParts: "The form has too many parts."
        case .preambleTooLong: "The form does not begin with its boundary."
        case .truncated: "The form ends before its closing boundary."
        }
    }
}
