import FoundationEssentials
import HTTPTypes
import Hummingbird
import Logging
import Postgres
import Testing

@testable import Gateway

struct OpenAPITests {
    private struct Document: Decodable {
        struct Operation: Decodable {
            struct Answer: Decodable {
                var content: [String: Media]?
            }
            struct Media: Decodable {
                var example: Anything?
                var examples: Anything?
            }
            struct Body: Decodable { var content: [String: Media] }
            var operationId: String
            var summary: String
            var requestBody: Body?
            var responses: [String: Answer]
        }
        struct Components: Decodable {
            var schemas: [String: Anything]
            var parameters: [String: Anything]
            var responses: [String: Anything]
        }
        var openapi: String
        var paths: [String: [String: Operation]]
        var components: Components
    }

    /// Something that is there, and not null.
    private struct Anything: Decodable { init(from decoder: any Decoder) throws {} }

    private func document() throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(OpenAPIDocument.json))
    }

    @Test func `every route is in the document, and every path of the document is a route`() throws {
        let gateway = Gateway(
            GatewaySettings(), database: try ConnectionConfiguration("postgresql://localhost/none"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        // A name with slashes that are not escaped is the same as one without, which the document cannot say.
        let routes = Set(gateway.router().routes.map { "\($0.method.rawValue) \($0.path)" })
            .subtracting(["GET /v1/models/{model}/**"])
        let operations = Set(
            try document().paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } })
        #expect(routes.subtracting(operations).sorted() == [])
        #expect(operations.subtracting(routes).sorted() == [])
    }

    @Test func `every operation has a name of its own, answers and examples`() throws {
        let operations = try document().paths.values.flatMap(\.values)
        #expect(Set(operations.map(\.operationId)).count == operations.count && operations.count > 20)
        for operation in operations {
            #expect(operation.responses.keys.contains { $0.hasPrefix("2") }, "\(operation.operationId)")
            let answers = operation.responses.values.flatMap { ($0.content ?? [:]).values }
            for media in answers + (operation.requestBody?.content ?? [:]).values {
                #expect(media.example != nil || media.examples != nil, "\(operation.operationId)")
            }
        }
    }

    @Test func `what every route may answer is said of every route`() throws {
        for (path, operations) in try document().paths {
            for (method, operation) in operations {
                let answers = operation.responses.keys
                let isPublic = path.hasPrefix("/health") || ["/metrics", "/openapi.json"].contains(path)
                #expect(isPublic != (answers.contains("401") && answers.contains("403")), "\(operation.operationId)")
                let verb = try #require(HTTPRequest.Method(rawValue: method.uppercased()))
                if RouteCharge.isCharged(verb, path) { #expect(answers.contains("429"), "\(operation.operationId)") }
            }
        }
    }

    @Test func `every reference leads somewhere`() throws {
        let document = try document()
        let text = String(decoding: OpenAPIDocument.json, as: UTF8.self)
        let references = text.split(separator: "\"#/components/").dropFirst()
            .compactMap { $0.split(separator: "\"").first }
        #expect(references.count > 100)
        for reference in references {
            let words = reference.split(separator: "/").map(String.init)
            let known =
                switch words.first {
                case "schemas": document.components.schemas
                case "parameters": document.components.parameters
                default: document.components.responses
                }
            #expect(known[words.last ?? ""] != nil, "\(reference)")
        }
    }
}
