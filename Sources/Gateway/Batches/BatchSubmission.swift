import Domain
import FoundationEssentials
import Queue

/// What `POST /v1/batches` asks for. Pure.
struct BatchSubmission {
    let order: BatchOrderRequest

    private struct Document: Decodable {
        struct Lifetime: Decodable {
            var anchor: String
            var seconds: Int32
        }
        var inputFile: String
        var endpoint: String
        var completionWindow: String
        var metadata: [String: String]?
        var lifetime: Lifetime?

        enum CodingKeys: String, CodingKey {
            case inputFile = "input_file_id"
            case endpoint
            case completionWindow = "completion_window"
            case metadata
            case lifetime = "output_expires_after"
        }
    }

    /// Reads `body` as a batch of `tenant`.
    ///
    /// - Throws: `GatewayFailure` with status 400 that names the parameter.
    init(_ body: [UInt8], tenant: String, maximumDepth: Int) throws(GatewayFailure) {
        var scanner = JSONScanner(selecting: [["metadata"]], maximumDepth: maximumDepth)
        do throws(JSONScanError) { try scanner.scan(body.span) } catch {
            throw .invalid("The request body is not JSON: \(error.description)")
        }
        guard scanner.root == .object else { throw .invalid("The request body has to be a JSON object.") }
        guard scanner.escapedNUL == nil else {
            throw .invalid("The character \\u0000 has to go: it cannot be stored.")
        }
        let document = try Self.decoded(body)
        guard let file = PublicID.file.number(of: document.inputFile) else {
            throw Self.noFile(document.inputFile)
        }
        guard let kind = JobKind(path: document.endpoint) else {
            throw .invalid(
                "`endpoint` is one of \(JobKind.allCases.map(\.path).joined(separator: ", ")).", parameter: "endpoint")
        }
        let window = try CompletionWindow(document.completionWindow)
        var order = BatchOrderRequest(
            tenant: tenant, inputFile: file, kind: kind, window: window.text, windowSeconds: window.seconds)
        if let metadata = document.metadata, let member = scanner[0] {
            guard metadata.count <= 16, metadata.allSatisfy({ $0.key.count <= 64 && $0.value.count <= 512 }) else {
                throw .invalid(
                    "`metadata` has 16 members at most, with names of 64 and values of 512 characters at most.",
                    parameter: "metadata")
            }
            order.metadata = Array(body[member.range])
        }
        if let lifetime = document.lifetime {
            guard lifetime.anchor == "created_at" else {
                throw .invalid("`output_expires_after.anchor` has to be created_at.", parameter: "output_expires_after")
            }
            order.outputKeptFor = try FileForm.lifetime(lifetime.seconds)
        }
        self.order = order
    }

    private static func decoded(_ body: [UInt8]) throws(GatewayFailure) -> Document {
        do {
            return try JSONDecoder().decode(Document.self, from: Data(body))
        } catch let error as DecodingError {
            let path: [any CodingKey]
            switch error {
            case .keyNotFound(let key, let context): path = context.codingPath + [key]
            case .typeMismatch(_, let context), .valueNotFound(_, let context): path = context.codingPath
            default: throw .invalid("The request body is not a batch.")
            }
            let name = path.map(\.stringValue).joined(separator: ".")
            throw .invalid("`\(name)` is missing, or not what it should be.", parameter: name)
        } catch {
            throw .invalid("The request body is not a batch.")
        }
    }

    /// The file is not there, or not the caller's, or for something else.
    static func noFile(_ id: String) -> GatewayFailure {
        .invalid(
            "There is no file \(id.prefix(64)) with the purpose batch; upload it to /v1/files.",
            parameter: "input_file_id")
    }
}
