import BackendKit
import Foundation
import Glibc
import TestSupport
import UpstreamSupport
import Testing

@testable import OpenAIClient

/// The backend against a well-behaved server.
@Suite(.timeLimit(.minutes(10))) struct ServiceTests {
    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func aRequestGoesOutAndItsAnswerComesBackAsTheyAre() async throws {
        setenv("SLUICE_TEST_SERVICE_KEY", "sk-test-1", 1)
        try await ScriptedServer.with(answer: { _, _ in .chat("  spaces\\u00e9 ") }) { server in
            let more =
                #""api_key": "env:SLUICE_TEST_SERVICE_KEY", "organization": "o", "project": "p", "headers": {"X-Team": "t"}"#
            try await Client.with(server, more) { client in
                let outcome = await client.ask()
                guard case .send(let bytes)? = Script.chat("  spaces\\u00e9 ").steps.first else { return }
                #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("\r\n\r\n" + outcome.body))
                #expect(outcome.tokens?.prompt == 7 && outcome.tokens?.completion == 2)
                let request = try #require(server.seen.requests.first)
                #expect(request.path == "/v1/chat/completions" && request.body == Client.question)
                #expect(request.headers["authorization"] == "Bearer sk-test-1")
                #expect(request.headers["openai-organization"] == "o" && request.headers["openai-project"] == "p")
                #expect(request.headers["x-team"] == "t" && request.headers["x-client-request-id"] == "sluice-4-2")
                #expect(request.headers["content-type"] == "application/json")
                #expect(client.service.health().state == .well)
            }
        }
    }

    @Test func everyKindHasItsPath() async throws {
        try await ScriptedServer.with(answer: { _, _ in .answer(#"{"id":"x"}"#) }) { server in
            try await Client.with(server, #""paths": {"completion": "/old"}"#) { client in
                for (kind, body) in [
                    (ServiceDescriptor.Kind.chat, Client.question), (.completion, #"{"prompt":"x"}"#),
                    (.embedding, #"{"input":"x"}"#), (.response, #"{"input":"x"}"#),
                ] {
                    let outcome = await client.ask(body, kind: kind)
                    #expect(outcome.failure == nil)
                }
                let paths = server.seen.requests.map(\.path)
                #expect(paths == ["/v1/chat/completions", "/v1/old", "/v1/embeddings", "/v1/responses"])
                // One connection, kept alive.
                #expect(server.seen.connections == 1)
            }
        }
    }

    @Test func usageThatIsMissingIsEstimatedAndMarked() async throws {
        let body = #"{"choices":[{"message":{"content":"12345678"},"finish_reason":"stop"}],"usage":null}"#
        try await ScriptedServer.with(answer: { _, _ in .answer(body) }) { server in
            try await Client.with(server) { client in
                let outcome = await client.ask()
                #expect(outcome.tokens?.completion == 2 && (outcome.tokens?.prompt ?? 0) > 5)
                let usage = try #require(try object(outcome.body)["usage"] as? [String: Any])
                #expect(usage["estimated"] as? Bool == true && usage["completion_tokens"] as? Int == 2)
                #expect(
                    try object(String(decoding: client.service.stats(), as: UTF8.self))["estimated_usages"] as? Int == 1
                )
            }
        }
    }

    @Test func aStreamIsPassedOnChunkByChunk() async throws {
        let usage = #"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"# + "\n\n"
        let events = [
            Script.delta(#"{"role":"assistant","content":"Hel"}"#), Script.delta(#"{"content":"lo"}"#),
            Script.delta("{}", finish: #""stop""#), usage, "data: [DONE]\n\n",
        ]
        try await ScriptedServer.with(answer: { _, _ in .events(events) }) { server in
            try await Client.with(server) { client in
                for _ in 0..<3 {
                    let outcome = await client.ask(streaming: true)
                    #expect(outcome.chunks == events[..<3].map { String($0.dropFirst(6).dropLast(2)) })
                    let choices = try #require(try object(outcome.body)["choices"] as? [[String: Any]])
                    #expect((choices[0]["message"] as? [String: Any])?["content"] as? String == "Hello")
                    #expect(outcome.tokens?.prompt == 3 && outcome.tokens?.completion == 2)
                }
                let request = try #require(server.seen.requests.first)
                #expect(request.body.contains(#""stream":true,"stream_options":{"include_usage":true}"#))
                #expect(request.headers["accept"] == "text/event-stream")
                // A stream read to its end gives its connection back.
                #expect(server.seen.connections == 1)
            }
        }
    }

    @Test func aServerThatStaysOnBehindTheEndIsLeft() async throws {
        let steps = [
            Script.streamHead, Script.chunk(Script.delta(#"{"content":"x"}"#, finish: #""stop""#)),
            Script.chunk("data: [DONE]\n\n"), .hold,
        ]
        try await ScriptedServer.with(answer: { _, _ in Script(steps) }) { server in
            try await Client.with(server) { client in
                let outcome = await client.ask(streaming: true)
                #expect(outcome.chunks.count == 1 && outcome.failure == nil)
                await server.wait { $0.open == 0 }
            }
        }
    }

    @Test func aServerStreamsOrNotAsItLikes() async throws {
        let events = [Script.delta(#"{"content":"x"}"#, finish: #""stop""#), "data: [DONE]\n\n"]
        try await ScriptedServer.with(answer: { _, number in number == 1 ? .events(events) : .chat("y") }) { server in
            try await Client.with(server) { client in
                let streamed = await client.ask()
                #expect(streamed.body.contains(#""content":"x""#) && streamed.body.contains(#""chat.completion""#))
                let whole = await client.ask(streaming: true)
                #expect(whole.body.contains(#""content":"y""#) && whole.chunks.isEmpty)
            }
        }
    }

    @Test func aRefusedKeyIsFollowedByTheNext() async throws {
        for number in 1...3 { setenv("SLUICE_TEST_KEY_\(number)", "sk-rotate-\(number)", 1) }
        let keys = #""api_key": ["env:SLUICE_TEST_KEY_1", "env:SLUICE_TEST_KEY_2", "env:SLUICE_TEST_KEY_3"]"#
        try await ScriptedServer.with(answer: { request, _ in
            switch request.headers["authorization"] {
            case "Bearer sk-rotate-1": .answer(401, #"{"error":{"message":"sk-rotate-1 is wrong"}}"#)
            case "Bearer sk-rotate-2": .answer(403, "{}")
            default: request.body.contains("none") ? .answer(401, "{}") : .chat()
            }
        }) { server in
            try await Client.with(server, keys) { client in
                #expect(await client.ask().failure == nil)
                #expect(server.seen.requests.count == 3)
                #expect(await client.ask().failure == nil)
                // The key that works is kept.
                #expect(server.seen.requests.count == 4)
                let refused = await client.ask(#"{"messages": "none"}"#)
                #expect(refused.failure?.errorClass == .auth && server.seen.requests.count == 7)
                #expect(refused.failure?.message.contains("sk-") == false && refused.failure?.body.isEmpty == true)
                #expect(client.service.health().state == .failing)
            }
        }
    }

    @Test func aMissingSecretStopsTheStart() throws {
        let configuration = #"{"base_url": "http://127.0.0.1:1", "api_key": "env:SLUICE_TEST_NO_KEY"}"#
        let failure = try #require(throws: BackendFailure.self) {
            try OpenAIService(configuration: Array(configuration.utf8), slots: 1)
        }
        #expect(failure.errorClass == .auth && failure.message.contains("SLUICE_TEST_NO_KEY"))
    }

    @Test func aProxyIsAskedInTheUpstreamsPlace() async throws {
        setenv("SLUICE_TEST_PROXY", "user:sk-proxy", 1)
        try await ScriptedServer.with(answer: { _, number in
            number == 1 ? Script(Script.text("HTTP/1.1 200 Connected\r\n\r\n")) : .chat()
        }) { proxy in
            let more =
                #""base_url": "http://upstream.invalid/v1", "proxy": "http://127.0.0.1:\#(proxy.port)", "proxy_authorization": "env:SLUICE_TEST_PROXY""#
            try await Client.with(proxy, more) { client in
                #expect(await client.ask().failure == nil)
                let requests = proxy.seen.requests
                try #require(requests.count == 2)
                #expect(requests[0].path == "upstream.invalid:80" && requests[1].path == "/v1/chat/completions")
                let credentials = Data("user:sk-proxy".utf8).base64EncodedString()
                #expect(requests[0].headers["proxy-authorization"] == "Basic \(credentials)")
            }
        }
    }
}
