import FoundationEssentials

/// What an upstream's own error object says, for those errors that are the client's to mend. Pure.
struct UpstreamWords: Sendable {
    var message: String?
    var code: String?
    var parameter: String?

    private struct Document: Decodable {
        struct Failure: Decodable {
            var message: String?
            var code: String?
            var param: String?
        }
        var error: Failure?
    }

    /// The words of `body`; none when it is not of OpenAI's form.
    init(_ body: [UInt8]?) {
        guard let body else { return }
        do {
            let failure = try JSONDecoder().decode(Document.self, from: Data(body)).error
            (message, code, parameter) = (failure?.message, failure?.code, failure?.param)
        } catch {
            // Upstreams answer what they like; then our own sentence stands.
            return
        }
    }
}
