import BackendKit
import Glibc
import Testing
import UpstreamSupport

@testable import OpenAIClient

/// The backend against servers that do what none should. Every fault ends the request, with its class, and the next
/// request works.
@Suite(.timeLimit(.minutes(10))) struct FaultTests {
    /// A fault, what is asked, and what must come of it.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var script: Script
        var errorClass = BackendFailure.Class.retryable
        var words = ""
        var isStreaming = false
        var chunks = 0

        var testDescription: String { name }
    }

    private static let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    private static let chunk = Script.chunk(Script.delta(#"{"content":"x"}"#))

    private static let cases: [Case] = [
        Case(name: "closes without a word", script: Script(.close)),
        Case(name: "resets without a word", script: Script(.reset)),
        Case(
            name: "resets in the middle of a body",
            script: Script(
                Script.text(head + "content-length: 500\r\n\r\n{\"id\":"), .untilRead, .reset)),
        Case(
            name: "closes before the length it promised",
            script: Script(
                Script.text(head + "content-length: 500\r\n\r\n{\"id\":1}"), .close), words: "closed the connection"),
        Case(
            name: "promises a shorter body than it sends",
            script: Script(
                Script.text(head + "content-length: 5\r\n\r\n{\"id\": \"longer\"}")), words: "not a JSON object"),
        Case(
            name: "has two lengths",
            script: Script(
                Script.text(head + "content-length: 5\r\ncontent-length: 7\r\n\r\n{}")), words: "not HTTP"),
        Case(name: "is no HTTP", script: Script(Script.text("SSH-2.0-OpenSSH_9.2\r\n\r\n")), words: "not HTTP"),
        Case(
            name: "has headers without end",
            script: Script(
                Script.text("HTTP/1.1 200 OK\r\n"),
                .endless(Array("x-header: \(String(repeating: "x", count: 2_000))\r\n".utf8)))),
        Case(
            name: "has one header without end",
            script: Script(
                Script.text("HTTP/1.1 200 OK\r\nx: "), .endless([UInt8](repeating: 0x78, count: 4_096)))),
        Case(
            name: "has bytes that are not UTF-8",
            script: Script(
                Script.text(head + "content-length: 10\r\n\r\n{\"a\":\""), .send([0xff, 0xfe]), Script.text("\"}")),
            words: "not a JSON object in UTF-8"),
        Case(name: "answers something else", script: .answer("[1, 2]"), words: "not a JSON object"),
        Case(name: "answers half an object", script: .answer(#"{"id": "#), words: "not a JSON object"),
        Case(
            name: "has a body without end",
            script: Script(
                Script.text(head + "transfer-encoding: chunked\r\n\r\n"),
                .endless(Array("1000\r\n\(String(repeating: " ", count: 4_096))\r\n".utf8))),
            words: "longer than 200000 bytes"),
        Case(
            name: "promises a body that is too long",
            script: Script(
                Script.text(head + "content-length: 99999999\r\n\r\n"), .hold), words: "longer than 200000 bytes"),
        Case(
            name: "redirects", script: .answer(307, "", headers: "location: http://127.0.0.1:1/x?key=1\r\n"),
            words: "redirects to http://127.0.0.1:1/x,"),
        Case(
            name: "says 429", script: .answer(429, #"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#),
            errorClass: .rateLimited, words: "slow"),
        Case(
            name: "says 400", script: .answer(400, #"{"error":{"message":"bad n","code":"c"}}"#),
            errorClass: .invalidRequest, words: "bad n"),
        Case(name: "says 500 and nothing", script: .answer(500, ""), words: "500"),
        Case(
            name: "says 500 and never stops",
            script: Script(
                Script.text("HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n"),
                .endless(Array("1000\r\n\(String(repeating: "x", count: 4_096))\r\n".utf8))), words: "500"),
        Case(
            name: "says 503 and resets",
            script: Script(
                Script.text("HTTP/1.1 503 No\r\ncontent-length: 100\r\n\r\nxx"), .untilRead, .reset), words: "503"),
        Case(
            name: "answers an error as if all were well",
            script: .answer(#"{"error":{"message":"over","type":"server_error"}}"#),
            words: "over"),
        Case(
            name: "resets in the middle of a stream", script: Script(Script.streamHead, chunk, .untilRead, .reset),
            isStreaming: true, chunks: 1),
        Case(
            name: "ends a stream before its answer", script: .events([Script.delta(#"{"content":"x"}"#)]),
            words: "ended before its answer", isStreaming: true, chunks: 1),
        Case(
            name: "says done before its answer",
            script: .events([Script.delta(#"{"content":"x"}"#), "data: [DONE]\n\n"]),
            words: "ended before its answer", isStreaming: true, chunks: 1),
        Case(
            name: "breaks a stream off with an error",
            script: .events([
                Script.delta(#"{"content":"x"}"#),
                #"data: {"error":{"message":"over","code":"rate_limit_exceeded"}}"# + "\n\n",
            ]), errorClass: .rateLimited, words: "over", isStreaming: true, chunks: 1),
        Case(
            name: "breaks a stream off with an error event",
            script: .events(["event: error\ndata: {\"message\":\"over\"}\n\n"]),
            words: "over", isStreaming: true),
        Case(
            name: "streams no JSON", script: .events(["data: hello\n\n"]), words: "no part of such", isStreaming: true),
        Case(
            name: "streams bytes that are not UTF-8",
            script: Script(
                Script.streamHead, Script.text("9\r\ndata: "), .send([0xff]), Script.text("\n\n\r\n")),
            words: "no part of such", isStreaming: true),
        Case(
            name: "streams a line without end",
            script: Script(
                Script.streamHead, chunk, .endless(Array("1000\r\n\(String(repeating: "x", count: 4_096))\r\n".utf8))),
            words: "event of more than 20000 bytes", isStreaming: true, chunks: 1),
        Case(
            name: "streams without end",
            script: Script(
                Script.streamHead, .endless(Array("1000\r\n:\(String(repeating: "x", count: 4_093))\n\n\r\n".utf8))),
            words: "longer than 200000 bytes", isStreaming: true),
    ]

    @Test(arguments: cases) func everyFaultEndsTheRequestAndNothingElse(fault: Case) async throws {
        try await ScriptedServer.with(answer: { _, number in number == 1 ? fault.script : .chat() }) { server in
            try await Client.with(server, #""max_response_bytes": 200000, "max_event_bytes": 20000"#) { client in
                let outcome = await client.ask(streaming: fault.isStreaming)
                let failure = try #require(outcome.failure)
                #expect(failure.errorClass == fault.errorClass)
                #expect(failure.message.contains(fault.words), "\(failure.message)")
                #expect(!failure.message.contains("key=1"))
                #expect(outcome.chunks.count == fault.chunks)
                // Nothing was tried again here: that is the queue's to do.
                #expect(server.seen.requests.count == 1)
                #expect(await client.ask().failure == nil)
            }
        }
    }

    @Test func aStreamWithoutItsDoneIsWholeWhenItsAnswerIs() async throws {
        let events = [Script.delta(#"{"content":"x"}"#), Script.delta("{}", finish: #""stop""#)]
        try await ScriptedServer.with(answer: { _, _ in .events(events) }) { server in
            try await Client.with(server) { client in
                let outcome = await client.ask(streaming: true)
                #expect(outcome.failure == nil && outcome.chunks.count == 2)
                // Nothing counted the tokens.
                #expect(outcome.body.contains(#""estimated":true"#))
            }
        }
    }

    @Test(arguments: [0, 1]) func onlyBeforeTheFirstPieceIsAnotherKeyTried(chunks: Int) async throws {
        setenv("SLUICE_TEST_FAULT_KEY", "sk-fault", 1)
        let refusal = #"data: {"error":{"message":"no","code":"invalid_api_key"}}"# + "\n\n"
        let pieces = Array(repeating: Script.delta(#"{"content":"x"}"#), count: chunks)
        try await ScriptedServer.with(answer: { _, _ in .events(pieces + [refusal]) }) { server in
            let keys = #""api_key": ["env:SLUICE_TEST_FAULT_KEY", "env:SLUICE_TEST_FAULT_KEY"]"#
            try await Client.with(server, keys) { client in
                let outcome = await client.ask(streaming: true)
                #expect(outcome.failure?.errorClass == .auth && outcome.chunks.count == chunks)
                #expect(server.seen.requests.count == 2 - chunks)
            }
        }
    }

    @Test func aServerThatDoesNotGreetIsGivenUp() async throws {
        try await ScriptedServer.with(answer: { _, _ in .chat() }) { server in
            // It waits for a request, and the client for the server's part of the TLS handshake.
            let configuration = #""base_url": "https://127.0.0.1:\#(server.port)/v1", "connect_timeout_ms": 50"#
            try await Client.with(server, configuration) { client in
                let failure = try #require(await client.ask().failure)
                #expect(failure.errorClass == .retryable && failure.message.contains("no connection"), "\(failure)")
                await server.wait { $0.open == 0 }
            }
        }
    }

    @Test func aSlowDripIsAnAnswerAsLongAsItDrips() async throws {
        let body = Array(#"{"id":"x","usage":{"prompt_tokens":1,"completion_tokens":1}}"#.utf8)
        let drip = body.flatMap { [Script.Step.send([$0]), .pause(2)] }
        let head = Script.text("HTTP/1.1 200 OK\r\ncontent-length: \(body.count)\r\n\r\n")
        try await ScriptedServer.with(answer: { _, _ in Script([head] + drip) }) { server in
            try await Client.with(server, #""idle_timeout_ms": 20000"#) { client in
                let outcome = await client.ask()
                #expect(outcome.failure == nil && outcome.body == String(decoding: body, as: UTF8.self))
            }
        }
    }

    @Test(arguments: [
        (#""first_byte_timeout_ms": 50"#, 0, "did not begin"), (#""idle_timeout_ms": 50"#, 1, "stopped in the middle"),
        (#""timeout_ms": 50"#, 0, "did not finish"), (#""timeout_ms": 80"#, 1, "did not finish"),
    ])
    func aServerThatIsSilentIsGivenUp(configuration: String, sent: Int, words: String) async throws {
        let steps = sent == 0 ? [Script.Step.hold] : [Script.streamHead, Self.chunk, .hold]
        try await ScriptedServer.with(answer: { _, _ in Script(steps) }) { server in
            try await Client.with(server, configuration) { client in
                let outcome = await client.ask(streaming: true)
                #expect(outcome.failure?.errorClass == .retryable)
                #expect(outcome.failure?.message.contains(words) == true, "\(String(describing: outcome.failure))")
                // On a busy machine the time may be over before the chunk is there.
                #expect(outcome.chunks.count <= sent)
                await server.wait { $0.open == 0 }
            }
        }
    }

    @Test func theJobsDeadlineBoundsEverything() async throws {
        try await ScriptedServer.with(answer: { _, _ in Script(.hold) }) { server in
            try await Client.with(server) { client in
                let outcome = await client.ask(timeLeft: .milliseconds(40))
                #expect(outcome.failure?.message.contains("did not finish") == true)
                await server.wait { $0.open == 0 }
            }
        }
    }

    @Test(arguments: [false, true]) func cancellingClosesTheUpstreamRequest(hasBegun: Bool) async throws {
        let steps = hasBegun ? [Script.streamHead, Self.chunk, .hold] : [.hold]
        try await ScriptedServer.with(answer: { _, _ in Script(steps) }) { server in
            try await Client.with(server) { client in
                let outcome = await withTaskGroup(of: Client.Outcome?.self) { group in
                    group.addTask { await client.ask(streaming: true) }
                    await server.wait { !$0.held.isEmpty }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                #expect(outcome?.wasCancelled == true)
                await server.wait { $0.open == 0 }
                #expect(server.seen.requests.count == 1)
                #expect(String(decoding: client.service.stats(), as: UTF8.self).contains(#""cancelled":1"#))
            }
        }
    }

    @Test func aStormOf429TellsEachWhenToComeBack() async throws {
        try await ScriptedServer.with(answer: { _, number in
            .answer(
                429, #"{"error":{"code":"rate_limit_exceeded","message":"n"}}"#,
                headers: "retry-after: \(number % 5 + 1)\r\n")
        }) { server in
            try await Client.with(server, slots: 64) { client in
                let outcomes = await withTaskGroup(of: Client.Outcome.self) { group in
                    for _ in 0..<200 { group.addTask { await client.ask() } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(outcomes.allSatisfy { $0.failure?.errorClass == .rateLimited })
                #expect(outcomes.allSatisfy { (1...5).map { Duration.seconds($0) }.contains($0.failure?.retryAfter) })
                #expect(server.seen.requests.count == 200)
                #expect(client.service.health().state == .strained)
            }
        }
    }

    @Test(arguments: ["retry-after: Fri, 31 Dec 9999 23:59:59 GMT", "x-ratelimit-reset-requests: 48h0m1s"])
    func everyFormOfAWaitIsPassedOnADayAtMost(header: String) async throws {
        try await ScriptedServer.with(answer: { _, _ in .answer(429, "{}", headers: "\(header)\r\n") }) { server in
            try await Client.with(server) { client in
                #expect(await client.ask().failure?.retryAfter == .seconds(86_400))
            }
        }
    }

    @Test func nobodyListening() async throws {
        let port = try await ScriptedServer.with(answer: { _, _ in .chat() }) { $0.port }
        let service = try OpenAIService(
            configuration: Array(#"{"base_url": "http://127.0.0.1:\#(port)"}"#.utf8), slots: 1)
        defer { service.close() }
        let client = Client(service: service)
        for _ in 0..<5 {
            let failure = try #require(await client.ask().failure)
            #expect(failure.errorClass == .retryable)
            #expect(failure.message.contains("no connection"), "\(failure.message)")
        }
        #expect(service.health().state == .failing)
    }
}
