import BackendKit
import JSONText

/// An embedding request, read and checked as far as that needs no model.
struct EmbeddingRequest: Sendable, Equatable {
    var model: String
    var inputs: [LocalPrompt]
    /// Whether the numbers are wanted as base64 of little-endian floats.
    var isBase64 = false

    init(_ fields: RequestFields, dimensions: Int) throws(BackendFailure) {
        model = try fields.text("model") ?? "local"
        inputs = try LocalPrompt.list("input", in: fields)
        switch try fields.text("encoding_format") {
        case nil, "float": isBase64 = false
        case "base64": isBase64 = true
        default: throw fields.refusal("encoding_format", "must be float or base64")
        }
        if let wanted = try fields.integer("dimensions", in: 1...1_000_000), wanted != dimensions {
            throw BackendFailure(.unsupported, "this model's embeddings have \(dimensions) dimensions, not \(wanted)")
        }
    }
}
