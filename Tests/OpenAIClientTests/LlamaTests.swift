import BackendKit
import Foundation
import Testing

@testable import OpenAIClient

/// The backend against llama-cpp-python's server and a real model.
@Suite(.enabled(if: !LlamaServer.isLeftOut), .timeLimit(.minutes(10))) struct LlamaTests {
    private static func with(_ body: @escaping @Sendable (Client) async throws -> Void) async throws {
        try await LlamaServer.with([
            // Left to itself it breaks one stream off when the next request comes.
            "--n_ctx", "256", "--embedding", "true", "--interrupt_requests", "false",
        ]) { server in
            let service = try OpenAIService(
                configuration: Array(#"{"base_url": "\#(server.url)"}"#.utf8), slots: 16)
            defer { service.close() }
            try await body(Client(service: service))
        }
    }

    private static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private static func content(_ answer: String) throws -> String {
        let choice = try #require((try object(answer)["choices"] as? [[String: Any]])?.first)
        return try #require((choice["message"] as? [String: Any])?["content"] as? String ?? choice["text"] as? String)
    }

    private static func question(_ text: String) -> String {
        #"{"messages": [{"role": "user", "content": "\#(text)"}], "max_tokens": 12, "temperature": 0}"#
    }

    @Test func aRealServerIsAskedInEveryWay() async throws {
        try await Self.with { client in
            let whole = await client.ask(Self.question("Hello there"))
            let text = try Self.content(whole.body)
            #expect(whole.failure == nil && !text.isEmpty && whole.chunks.isEmpty)
            #expect(try #require(whole.tokens).prompt > 2 && whole.tokens?.completion ?? 0 > 0)
            #expect(!whole.body.contains("estimated"))

            let streamed = await client.ask(Self.question("Hello there"), streaming: true)
            #expect(try Self.content(streamed.body) == text)
            let pieces = try streamed.chunks.compactMap { chunk in
                let choice = (try Self.object(chunk)["choices"] as? [[String: Any]])?.first
                return (choice?["delta"] as? [String: Any])?["content"] as? String
            }
            #expect(pieces.count > 1 && pieces.joined() == text)

            let completion = #"{"prompt": "Hello", "max_tokens": 4, "temperature": 0}"#
            let one = await client.ask(completion, kind: .completion)
            let other = await client.ask(completion, kind: .completion, streaming: true)
            let completed = try Self.content(one.body)
            #expect(try Self.content(other.body) == completed)

            let embedding = await client.ask(#"{"input": "Hello"}"#, kind: .embedding)
            #expect(
                (try Self.object(embedding.body)["data"] as? [Any])?.count == 1 && embedding.tokens?.completion == 0)
        }
    }

    @Test func aRealServersRefusalsHaveTheirClasses() async throws {
        try await Self.with { client in
            let long = await client.ask(Self.question(String(repeating: "word ", count: 2_000)))
            #expect(long.failure?.errorClass == .invalidRequest)
            let body = String(decoding: try #require(long.failure).body, as: UTF8.self)
            let error = try #require(try Self.object(body)["error"] as? [String: Any])
            #expect(error["code"] as? String == "context_length_exceeded")
            // It has no such path.
            let response = await client.ask(#"{"input": "Hello"}"#, kind: .response)
            #expect(response.failure?.errorClass == .invalidRequest)
            #expect(response.failure?.message.contains("404") == true)
        }
    }

    @Test func aRealServerTakesManyAtOnceAndGetsOverCancels() async throws {
        try await Self.with { client in
            let alone = try Self.content(await client.ask(Self.question("Hello")).body)
            let outcomes = await withTaskGroup(of: Client.Outcome.self) { group in
                for number in 0..<40 {
                    group.addTask { await client.ask(Self.question("Hello"), streaming: number.isMultiple(of: 2)) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for outcome in outcomes {
                #expect(outcome.failure == nil)
                #expect(try Self.content(outcome.body) == alone)
            }
            let cancelled = await withTaskGroup(of: Client.Outcome.self) { group in
                for _ in 0..<20 { group.addTask { await client.ask(Self.question("Hello"), streaming: true) } }
                group.cancelAll()
                return await group.reduce(into: []) { $0.append($1) }
            }
            // One or the other may have been faster than its cancelling.
            #expect(cancelled.allSatisfy { $0.wasCancelled || $0.failure == nil })
            #expect(await client.ask(Self.question("Hello")).failure == nil)
        }
    }
}
