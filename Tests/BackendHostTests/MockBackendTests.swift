import BackendHost
import Domain
import Foundation
import Synchronization
import Testing

@Suite struct MockBackendTests {
    private func mock(_ configuration: String = "", slots: Int = 16) throws -> BackendInstance {
        try BackendProducts.load("mock").makeInstance(configuration: Array(configuration.utf8), slots: slots)
    }

    private func call(
        _ body: String,
        _ kind: JobKind = .chat,
        streaming: Bool = false
    ) -> BackendCall {
        BackendCall(job: 1, attempt: 1, kind: kind, body: Array(body.utf8), isStreaming: streaming)
    }

    private func chat(_ prompt: String, _ more: String = "") -> BackendCall {
        call("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\(prompt)\"}]\(more)}")
    }

    /// The answer as Foundation reads it, which knows nothing of our own reader.
    private func object(_ outcome: BackendOutcome) throws -> [String: Any] {
        guard case .succeeded(let body, _) = outcome else {
            Issue.record("\(outcome)")
            return [:]
        }
        return try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }

    @Test func aChatAnswerHasTheShapeOfOpenAI() async throws {
        let outcome = try await mock().execute(chat("Hello?"))
        let answer = try object(outcome)
        #expect(answer["object"] as? String == "chat.completion")
        #expect(answer["model"] as? String == "m")
        let choice = try #require((answer["choices"] as? [[String: Any]])?.first)
        let message = try #require(choice["message"] as? [String: Any])
        let words = try #require(message["content"] as? String)
        #expect(words.split(separator: " ").count == 12)
        #expect(choice["finish_reason"] as? String == "stop")
        let usage = try #require(answer["usage"] as? [String: Int])
        guard case .succeeded(_, let counted?) = outcome else { return #expect(Bool(false)) }
        #expect(usage["prompt_tokens"] == counted.promptTokens)
        #expect(usage["completion_tokens"] == 12)
        #expect(usage["total_tokens"] == counted.promptTokens + 12)
    }

    @Test func completionsAndEmbeddingsHaveTheirShapes() async throws {
        let instance = try mock("{\"embedding_dimensions\":5}")
        let completion = try object(await instance.execute(call("{\"prompt\":\"x\"}", .completion)))
        #expect(completion["object"] as? String == "text_completion")
        #expect((completion["choices"] as? [[String: Any]])?.first?["text"] is String)
        let embedding = try object(await instance.execute(call("{\"input\":[\"a\",\"b\",\"c\"]}", .embedding)))
        let data = try #require(embedding["data"] as? [[String: Any]])
        #expect(data.map { $0["index"] as? Int } == [0, 1, 2])
        #expect((data[2]["embedding"] as? [Double])?.count == 5)
        #expect((data[0]["embedding"] as? [Double]) != (data[1]["embedding"] as? [Double]))
        let tokens = try object(await instance.execute(call("{\"input\":[1,2,3]}", .embedding)))
        #expect((tokens["data"] as? [Any])?.count == 1)
    }

    @Test func aResponseHasItsShapeAndStreams() async throws {
        let instance = try mock("{\"completion_tokens\":4}")
        let body = "{\"model\":\"m\",\"input\":\"tell\",\"max_output_tokens\":3}"
        let whole = try object(await instance.execute(call(body, .response)))
        #expect(whole["object"] as? String == "response" && whole["status"] as? String == "incomplete")
        #expect((whole["usage"] as? [String: Int])?["output_tokens"] == 3)
        let item = try #require((whole["output"] as? [[String: Any]])?.first)
        let text = try #require((item["content"] as? [[String: Any]])?.first?["text"] as? String)
        let chunks = Mutex<[[UInt8]]>([])
        let streamed = await instance.execute(call(body, .response, streaming: true)) { chunk in
            chunks.withLock { $0.append(chunk) }
        }
        #expect(try object(streamed)["id"] as? String == whole["id"] as? String)
        let events = try chunks.withLock { $0 }.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
        }
        #expect(events.compactMap { $0["delta"] as? String }.joined() == text)
        #expect(events.last?["type"] as? String == "response.incomplete")
        #expect((events.last?["response"] as? [String: Any])?["id"] as? String == whole["id"] as? String)
    }

    @Test func answersFollowFromPromptAndSeed() async throws {
        let (one, other, seeded) = (try mock(), try mock("{\"latency_ms\":1}"), try mock("{\"seed\":7}"))
        let first = await one.execute(chat("Why?"))
        #expect(await one.execute(chat("Why?")) == first)
        #expect(await other.execute(chat("Why?")) == first)
        #expect(await seeded.execute(chat("Why?")) != first)
        #expect(await one.execute(chat("Why!")) != first)
        let asked = await one.execute(chat("Why?", ",\"seed\":7"))
        #expect(await seeded.execute(chat("Why?")) == asked)
    }

    @Test func maximumTokensCutTheAnswer() async throws {
        let answer = try object(await mock().execute(chat("x", ",\"max_tokens\":3")))
        #expect((answer["choices"] as? [[String: Any]])?.first?["finish_reason"] as? String == "length")
        #expect((answer["usage"] as? [String: Int])?["completion_tokens"] == 3)
    }

    @Test func awkwardModelNamesAndPromptsStayValidJSON() async throws {
        let body =
            #"{"model":"a\"b\\c\u0041\u0000 é😀","messages":[{"role":"user","content":"\ud83d\ude00 \u0001 [[mock:crash]]"}]}"#
        let answer = try object(await mock().execute(call(body)))
        #expect(answer["model"] as? String == "a\"b\\cA\0 é😀")
    }

    @Test(arguments: [
        "", " ", "x", "[]", "{}", "{\"messages\":5}", "{\"messages\":[]}", "{\"messages\":[1]}", "{\"messages\":[{}]",
        "{\"messages\":[{}]}}", "{\"messages\":[{}],}", "{\"messages\":[{\"a\":\"\u{1}\"}]}", "null",
        "{\"messages\":\"x\"}",
    ])
    func unreadableRequestsAreRefused(body: String) async throws {
        for configuration in ["", "{\"latency_ms\":0.01}"] {
            guard case .failed(.invalidRequest, _, _, _) = try await mock(configuration).execute(call(body)) else {
                return #expect(Bool(false))
            }
        }
    }

    @Test func streamingSendsTheAnswerWordByWord() async throws {
        let instance = try mock("{\"completion_tokens\":5}")
        let chunks = Mutex<[[UInt8]]>([])
        let body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"tell\"}]}"
        let outcome = await instance.execute(call(body, streaming: true)) { chunk in
            chunks.withLock { $0.append(chunk) }
        }
        let whole = try #require(
            (try object(outcome)["choices"] as? [[String: Any]])?.first?["message"] as? [String: Any])
        let parts = try chunks.withLock { $0 }.map { chunk in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(chunk)) as? [String: Any])
            #expect(object["object"] as? String == "chat.completion.chunk")
            return try #require((object["choices"] as? [[String: Any]])?.first)
        }
        #expect(parts.count == 6)
        let text = parts.compactMap { ($0["delta"] as? [String: Any])?["content"] as? String }.joined()
        #expect(text == whole["content"] as? String)
        #expect(parts.last?["finish_reason"] as? String == "stop")
    }

    @Test func unknownKeysAreRefusedWithTheKnownOnes() throws {
        let error = #expect(throws: BackendError.self) { try mock("{\"latency\":5}") }
        #expect(
            error?.cause?.contains("does not know the key 'latency'; it knows latency_ms, latency_distribution") == true
        )
    }

    @Test(arguments: [
        "{\"latency_ms\":-1}", "{\"latency_ms\":\"1\"}", "{\"latency_distribution\":\"odd\"}",
        "{\"errors\":{\"odd\":1}}",
        "{\"errors\":{\"fatal\":0.6,\"auth\":0.6}}", "{\"faults\":{\"crash\":2}}", "{\"markers\":1}", "[]", "x",
        "{\"completion_tokens\":1.5}", "{\"refuse_start\":\"not today\"}", "{\"health\":\"odd\"}",
    ])
    func badValuesAreRefusedWithASentence(configuration: String) throws {
        let error = #expect(throws: BackendError.self) { try mock(configuration) }
        #expect(error?.code == .createFailed)
        #expect((error?.cause?.count ?? 0) > 5)
    }

    @Test func latencyIsKept() async throws {
        for configuration in [
            "{\"latency_ms\":40}", "{\"latency_per_token_ms\":10,\"completion_tokens\":4}",
            "{\"latency_ms\":60,\"latency_distribution\":\"normal\",\"latency_deviation_ms\":1}",
            "{\"latency_ms\":60,\"latency_distribution\":\"lognormal\",\"latency_deviation_ms\":1}",
        ] {
            let instance = try mock(configuration)
            let start = ContinuousClock.now
            guard case .succeeded = await instance.execute(chat("x")) else { return #expect(Bool(false)) }
            #expect(ContinuousClock.now - start >= .milliseconds(39))
        }
    }

    @Test(arguments: ["normal", "lognormal"]) func latencyIsSpread(distribution: String) async throws {
        let instance = try mock(
            #"{"latency_ms": 200, "latency_distribution": "\#(distribution)", "latency_deviation_ms": 100}"#)
        let times = await withTaskGroup(of: Duration.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    let start = ContinuousClock.now
                    _ = await instance.execute(chat("x"))
                    return ContinuousClock.now - start
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let (least, most) = (try #require(times.min()), try #require(times.max()))
        #expect(most - least >= .milliseconds(100) && most >= .milliseconds(250))
    }

    @Test func errorsComeAtTheirRates() async throws {
        let instance = try mock("{\"errors\":{\"retryable\":0.25,\"rate_limited\":0.25},\"retry_after_ms\":70}")
        var counts: [ErrorClass: Int] = [:]
        for _ in 0..<1_000 {
            if case .failed(let errorClass, _, let wait, _) = await instance.execute(chat("x")) {
                counts[errorClass, default: 0] += 1
                #expect(wait == (errorClass == .rateLimited ? .milliseconds(70) : nil))
            }
        }
        #expect(180...320 ~= counts[.retryable] ?? 0)
        #expect(180...320 ~= counts[.rateLimited] ?? 0)
    }

    @Test func markersCommandWhenTheyMay() async throws {
        let instance = try mock("{\"markers\":true}")
        for (word, errorClass) in [("retryable", ErrorClass.retryable), ("auth", .auth), ("fatal", .fatal)] {
            guard case .failed(errorClass, _, _, _) = await instance.execute(chat("do [[mock:error \(word)]] it"))
            else {
                return #expect(Bool(false))
            }
        }
        let start = ContinuousClock.now
        _ = await instance.execute(chat("[[mock:latency 50]]"))
        #expect(ContinuousClock.now - start >= .milliseconds(49))
        guard
            case .failed(.retryable, "the backend's answer is not JSON", _, _) =
                await instance.execute(chat("[[mock:garbage]]"))
        else { return #expect(Bool(false)) }
        guard case .succeeded = await instance.execute(chat("[[mock:odd]] [[mock: [[mock:latency x]]")) else {
            return #expect(Bool(false))
        }
        guard case .succeeded = try await mock().execute(chat("[[mock:crash]]")) else { return #expect(Bool(false)) }
    }

    @Test func aCrashEndsTheProcess() async throws {
        await #expect(processExitsWith: .signal(SIGABRT)) {
            let instance = try BackendProducts.load("mock").makeInstance(
                configuration: Array("{\"markers\":true}".utf8), slots: 1)
            let body = "{\"messages\":[{\"content\":\"[[mock:crash]]\"}]}"
            _ = await instance.execute(BackendCall(job: 1, attempt: 1, kind: .chat, body: Array(body.utf8)))
        }
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            let instance = try BackendProducts.load("mock").makeInstance(
                configuration: Array("{\"faults\":{\"segv\":1}}".utf8), slots: 1)
            let body = "{\"messages\":[{}]}"
            _ = await instance.execute(BackendCall(job: 1, attempt: 1, kind: .chat, body: Array(body.utf8)))
        }
    }

    @Test func aHangOutlastsItsCancelling() async throws {
        let instance = try mock("{\"markers\":true}")
        let outcome = await withTaskGroup(of: BackendOutcome.self) { group in
            group.addTask { await instance.execute(chat("[[mock:hang]]")) }
            while instance.openCalls == 0 { await Task.yield() }
            group.cancelAll()
            for _ in 0..<1_000 { await Task.yield() }
            #expect(instance.openCalls == 1)
            instance.abandonAll()
            return await group.next()
        }
        #expect(outcome == .abandoned)
    }

    @Test func aLongCallEndsSoonWhenCancelled() async throws {
        let instance = try mock("{\"latency_ms\":600000}")
        let outcome = await withTaskGroup(of: BackendOutcome.self) { group in
            group.addTask { await instance.execute(chat("x")) }
            while instance.openCalls == 0 { await Task.yield() }
            group.cancelAll()
            return await group.next()
        }
        #expect(outcome == .cancelled)
    }

    @Test func ignoringACancelTakesItsTime() async throws {
        let instance = try mock("{\"faults\":{\"ignore_cancel\":1}}")
        let start = ContinuousClock.now
        let outcome = await withTaskGroup(of: BackendOutcome.self) { group in
            group.addTask { await instance.execute(chat("x")) }
            while instance.openCalls == 0 { await Task.yield() }
            group.cancelAll()
            return await group.next()
        }
        guard case .succeeded? = outcome else { return #expect(Bool(false)) }
        #expect(ContinuousClock.now - start >= .milliseconds(900))
    }

    @Test func doubleFinalsAndLateChunksAreCounted() async throws {
        let double = try mock("{\"faults\":{\"double_final\":1}}")
        guard case .succeeded = await double.execute(chat("x")) else { return #expect(Bool(false)) }
        while double.doubleFinals + double.staleFinals == 0 { await Task.yield() }
        let late = try mock("{\"faults\":{\"late_chunk\":1}}")
        _ = await late.execute(chat("x"))
        while late.lateChunks == 0 { await Task.yield() }
    }

    @Test func cancelRacesThroughTheKitEndOnceEach() async throws {
        let instance = try mock("{\"latency_ms\":0.2}", slots: 64)
        for round in 0..<60 {
            await withTaskGroup(of: BackendOutcome.self) { group in
                for _ in 0..<64 { group.addTask { await instance.execute(chat("x")) } }
                for _ in 0..<(round % 9 * 10) { await Task.yield() }
                group.cancelAll()
                for await outcome in group {
                    if case .failed = outcome { #expect(Bool(false), "\(outcome)") }
                }
            }
        }
        #expect(instance.openCalls == 0)
        #expect(instance.doubleFinals == 0 && instance.staleFinals == 0)
    }

    @Test func healthAndStatisticsAreReported() async throws {
        let instance = try mock("{\"health\":\"failing\"}")
        _ = await instance.execute(chat("x"))
        #expect(instance.health().state == .failing)
        #expect(
            String(decoding: instance.stats(), as: UTF8.self) == "{\"requests\":1,\"failures\":0,\"leaked_bytes\":0}")
    }
}
