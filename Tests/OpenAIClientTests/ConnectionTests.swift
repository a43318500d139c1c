import BackendKit
import FoundationEssentials
import TestSupport
import UpstreamSupport
import Testing

@testable import OpenAIClient

@Suite(.timeLimit(.minutes(10))) struct ConnectionTests {
    @Test func hundredsOfRequestsAreInFlightOnOneLoop() async throws {
        try await ScriptedServer.with(answer: { _, _ in
            guard case .send(let bytes)? = Script.chat().steps.first else { return Script() }
            return Script(.hold, .send(bytes))
        }) { server in
            try await Client.with(server, slots: 300) { client in
                try await withThrowingTaskGroup(of: Client.Outcome.self) { group in
                    for _ in 0..<300 { group.addTask { await client.ask() } }
                    await server.wait { $0.held.count == 300 }
                    #expect(server.seen.open == 300)
                    #expect(client.service.upstream.loopCount == 1)
                    #expect(String(decoding: client.service.stats(), as: UTF8.self).contains(#""open":300"#))
                    server.release()
                    var answered = 0
                    for try await outcome in group where outcome.failure == nil { answered += 1 }
                    #expect(answered == 300)
                }
                #expect(await client.ask().failure == nil)
                #expect(server.seen.connections == 300)
            }
            await server.wait { $0.open == 0 }
        }
    }

    @Test func connectionsAreBoundedWhenAsked() async throws {
        try await ScriptedServer.with(answer: { _, _ in .chat() }) { server in
            try await Client.with(server, #""connections": 3"#, slots: 50) { client in
                let failures = await withTaskGroup(of: Client.Outcome.self) { group in
                    for _ in 0..<60 { group.addTask { await client.ask() } }
                    return await group.reduce(into: 0) { if $1.failure != nil { $0 += 1 } }
                }
                #expect(failures == 0 && server.seen.connections <= 3)
            }
        }
    }

    private static func withCertificate<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        try await TemporaryFolder.with { folder in
            let path = folder.path + "/ca.pem"
            try Data(TestCertificate.certificate.utf8).write(to: URL(filePath: path))
            return try await body(path)
        }
    }

    @Test func tlsIsCheckedAgainstTheTrustedCertificate() async throws {
        try await Self.withCertificate { path in
            try await ScriptedServer.with(.tls, answer: { _, _ in .chat() }) { server in
                try await Client.with(server, #""trusted_ca": "\#(path)""#) { client in
                    #expect(await client.ask().failure == nil)
                }
                try await Client.with(server) { client in
                    let failure = try #require(await client.ask().failure)
                    #expect(failure.errorClass == .retryable && failure.message.contains("TLS"), "\(failure.message)")
                }
            }
        }
        #expect(throws: BackendFailure.self) {
            try OpenAIService(
                configuration: Array(#"{"base_url": "https://x", "trusted_ca": "/none.pem"}"#.utf8), slots: 1)
        }
    }

    @Test func http2CarriesStreams() async throws {
        let events = [Script.delta(#"{"content":"x"}"#, finish: #""stop""#), "data: [DONE]\n\n"]
        try await Self.withCertificate { path in
            try await ScriptedServer.with(.http2, answer: { _, _ in Script(events.map(Script.text)) }) { server in
                try await Client.with(server, #""trusted_ca": "\#(path)""#) { client in
                    for _ in 0..<2 {
                        let outcome = await client.ask(streaming: true)
                        #expect(outcome.failure == nil && outcome.chunks.count == 1)
                    }
                    #expect(server.seen.connections == 1)
                }
            }
        }
    }

    @Test func http2CarriesManyRequestsOnOneConnection() async throws {
        let body = #"{"id":"x","usage":{"prompt_tokens":1,"completion_tokens":1}}"#
        try await Self.withCertificate { path in
            try await ScriptedServer.with(.http2, answer: { _, _ in Script(.hold, Script.text(body)) }) { server in
                try await Client.with(server, #""trusted_ca": "\#(path)""#, slots: 50) { client in
                    try await withThrowingTaskGroup(of: Client.Outcome.self) { group in
                        for _ in 0..<50 { group.addTask { await client.ask() } }
                        await server.wait { $0.held.count == 50 }
                        #expect(server.seen.connections == 1)
                        #expect(server.seen.requests.allSatisfy { $0.headers[":path"] == "/v1/chat/completions" })
                        server.release()
                        for try await outcome in group { #expect(outcome.body == body) }
                    }
                }
            }
        }
    }
}
