import BackendHost
import Dispatch
import Domain
import Foundation
import Synchronization
import Testing

@testable import LocalModel

/// What a request may ask of the model, by the backend as a worker loads it.
@Suite(.enabled(if: TinyModel.isThere, "libllama is not built: run ops/llama.sh")) struct GenerationTests {
    private func answer(_ call: BackendCall, _ settings: String = "") async throws -> Answer {
        try Answer(await TinyModel.instance(settings).execute(call))
    }

    @Test func aStopStringIsFoundAcrossTokens() async throws {
        let whole = try await answer(TinyModel.question("What is the capital of France?"))
        #expect(whole.text == "The capital of France is Paris.")
        let cut = try await answer(TinyModel.question("What is the capital of France?", #","stop":["nce is Par"]"#))
        #expect(cut.text == "The capital of Fra")
        #expect(cut.finish == "stop")
        let missed = try await answer(TinyModel.question("What is the capital of France?", #","stop":"Paris!""#))
        #expect(missed.text == whole.text)
    }

    @Test func maxTokensCutsTheAnswer() async throws {
        let cut = try await answer(TinyModel.question("Tell me a story.", #","max_tokens":5"#))
        #expect(cut.finish == "length")
        #expect(cut.usage["completion_tokens"] as? Int == 5)
        let whole = try await answer(TinyModel.question("Tell me a story."))
        #expect(whole.text.hasPrefix(cut.text) && whole.finish == "stop")
    }

    @Test func aFullContextEndsTheAnswer() async throws {
        let answer = try await answer(
            TinyModel.question("Tell me a story.", #","ignore_eos":true"#), #","context":48"#)
        #expect(answer.finish == "length")
        #expect(answer.usage["total_tokens"] as? Int == 48)
    }

    @Test func whatCannotFitIsRefused() async throws {
        let instance = try TinyModel.instance(#","context":32"#)
        let long = refusal(await instance.execute(TinyModel.question(String(repeating: "word ", count: 40))))
        #expect(long?.errorClass == .invalidRequest)
        #expect(long?.message.contains("the context holds 32") == true)
        // Not even cut into tokens, which takes a minute for the longest.
        let huge = refusal(await instance.execute(TinyModel.question(String(repeating: "x", count: 40_000))))
        #expect(huge?.errorClass == .invalidRequest)
        #expect(huge?.message.contains("bytes: the context holds 32 tokens") == true)
        let answer = refusal(await instance.execute(TinyModel.question("Hi there.", #","max_tokens":30"#)))
        #expect(answer?.errorClass == .invalidRequest)
    }

    @Test func aSeedDecidesWhatIsDrawn() async throws {
        let hot =
            #"{"messages":[{"role":"user","content":"Tell me a story."}],"temperature":1.8,"max_tokens":40,"seed":"#
        let instance = try TinyModel.instance()
        var texts: [String] = []
        for seed in [1, 1, 2, 3] {
            texts.append(try Answer(await instance.execute(TinyModel.call(hot + "\(seed)}"))).text)
        }
        #expect(texts[0] == texts[1])
        #expect(Set(texts).count > 1)
        let narrow = try await answer(TinyModel.call(hot + #"5,"top_k":1}"#))
        let greedy = try await answer(TinyModel.question("Tell me a story.", #","max_tokens":40"#))
        #expect(narrow.text == greedy.text)
        #expect(try await answer(TinyModel.call(hot + #"5,"top_p":0.0001}"#)).text == greedy.text)
        #expect(try await answer(TinyModel.call(hot + #"5,"min_p":1}"#)).text == greedy.text)
    }

    @Test func aBiasedTokenIsChosen() async throws {
        let instance = try TinyModel.instance()
        let token = Int(TinyModel.model.tokens(of: "Rome", parsesSpecial: false).first ?? 0)
        let forced = try Answer(
            await instance.execute(
                TinyModel.question("What is the capital of France?", #","max_tokens":1,"logit_bias":{"\#(token)":100}"#)
            ))
        #expect(forced.text == String(decoding: TinyModel.model.piece(of: Int32(token)), as: UTF8.self))
        let strange = refusal(await instance.execute(TinyModel.question("x", #","logit_bias":{"99999":1}"#)))
        #expect(strange?.errorClass == .invalidRequest)
    }

    @Test func aPenaltyForbidsRepetition() async throws {
        let plain = try await answer(TinyModel.question("Tell me a story."))
        let penalized = try await answer(
            TinyModel.question("Tell me a story.", #","max_tokens":60,"repeat_penalty":10,"repeat_last_n":-1"#))
        #expect(!plain.text.hasPrefix(penalized.text))
    }

    @Test func choicesShareThePromptAndDiffer() async throws {
        let many =
            #"{"messages":[{"role":"user","content":"Tell me a story."}],"temperature":1.5,"seed":1,"n":5,"max_tokens":20}"#
        let answer = try await answer(TinyModel.call(many), #","sequences":3"#)
        #expect(answer.choices.map { $0["index"] as? Int } == [0, 1, 2, 3, 4])
        #expect(Set(answer.texts).count > 2)
        let one = try await self.answer(TinyModel.question("Tell me a story."))
        // The prompt counts once, the answers all.
        #expect(answer.usage["prompt_tokens"] as? Int == one.usage["prompt_tokens"] as? Int)
        #expect(answer.usage["completion_tokens"] as? Int ?? 0 > 5 * 5)
        let same = try await self.answer(TinyModel.question("Who are you?", #","n":3"#))
        #expect(Set(same.texts) == ["I am a very small language model that runs on this machine."])
    }

    @Test func aSharedBeginningIsNotReadTwice() async throws {
        let instance = try TinyModel.instance(#","prefix_reuse":8"#)
        let system =
            #"{"role":"system","content":"You are a helpful assistant. Answer briefly, and always in English."}"#
        func ask(_ question: String) async throws -> Answer {
            try Answer(
                await instance.execute(
                    TinyModel.call(
                        #"{"messages":[\#(system),{"role":"user","content":"\#(question)"}],"temperature":0}"#)))
        }
        let first = try await ask("What is the capital of Italy?")
        let second = try await ask("What is the capital of Japan?")
        #expect(first.reused == 0)
        #expect(second.reused >= 16)
        let alone = try TinyModel.instance(#","prefix_reuse":0"#)
        let body =
            #"{"messages":[\#(system),{"role":"user","content":"What is the capital of Japan?"}],"temperature":0}"#
        let unshared = try Answer(await alone.execute(TinyModel.call(body)))
        #expect(unshared.reused == 0 && unshared.text == second.text)
        let stats = try #require(try JSONSerialization.jsonObject(with: Data(instance.stats())) as? [String: Any])
        #expect(stats["reused_tokens"] as? Int == second.reused)
    }

    @Test func aCompletionGoesOnWithItsPrompt() async throws {
        let prompt = "<|im_start|>user\\nName the seasons.<|im_end|>\\n<|im_start|>assistant\\n"
        let answer = try await answer(TinyModel.call(#"{"prompt":"\#(prompt)","temperature":0}"#, .completion))
        #expect(answer.object["object"] as? String == "text_completion")
        #expect(answer.text == "Spring, summer, autumn and winter.")
        let tokens = TinyModel.model.tokens(of: prompt.replacing("\\n", with: "\n"), parsesSpecial: true)
        let numbers = try await self.answer(
            TinyModel.call(#"{"prompt":[\#(tokens),"\#(prompt)"],"temperature":0}"#, .completion))
        #expect(numbers.texts == [answer.text, answer.text])
    }

    @Test func logprobsTellTheAlternatives() async throws {
        let answer = try await answer(
            TinyModel.question("What is the capital of France?", #","logprobs":true,"top_logprobs":3"#))
        let content = try #require((answer.choices[0]["logprobs"] as? [String: Any])?["content"] as? [[String: Any]])
        #expect(content.compactMap { $0["token"] as? String }.joined() == answer.text)
        for token in content {
            let top = try #require(token["top_logprobs"] as? [[String: Any]])
            let logarithms = top.compactMap { $0["logprob"] as? Double }
            #expect(logarithms.count == 3 && logarithms == logarithms.sorted(by: >) && logarithms[0] <= 0)
            // Greedy: the token is the likeliest.
            #expect(token["token"] as? String == top[0]["token"] as? String)
            #expect(token["logprob"] as? Double == logarithms[0])
        }
        let completion = try await self.answer(
            TinyModel.call(#"{"prompt":"One two","temperature":0,"max_tokens":4,"logprobs":2}"#, .completion))
        let lists = try #require(completion.choices[0]["logprobs"] as? [String: Any])
        #expect((lists["tokens"] as? [String])?.joined() == completion.text)
        #expect((lists["text_offset"] as? [Int])?.first == 0 && (lists["token_logprobs"] as? [Double])?.count == 4)
    }

    @Test(arguments: ["Say hello in Japanese.", "Show me a smile.", "Say thank you in Greek.", "Tell me a story."])
    func chunksAreWholeCharactersAndMakeTheAnswer(_ question: String) async throws {
        let instance = try TinyModel.instance()
        let chunks = Mutex<[[UInt8]]>([])
        let call = TinyModel.question(question, #","stream_options":{"include_usage":true}"#, streaming: true)
        let answer = try Answer(await instance.execute(call) { chunk in chunks.withLock { $0.append(chunk) } })
        var text = ""
        var finishes: [String] = []
        var usage: [String: Any]?
        for chunk in chunks.withLock({ $0 }) {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(chunk)) as? [String: Any])
            #expect(object["object"] as? String == "chat.completion.chunk")
            usage = object["usage"] as? [String: Any] ?? usage
            guard let choice = (object["choices"] as? [[String: Any]])?.first else { continue }
            let piece = (choice["delta"] as? [String: Any])?["content"] as? String ?? ""
            #expect(!piece.contains("\u{fffd}"))
            text += piece
            if let finish = choice["finish_reason"] as? String { finishes.append(finish) }
        }
        #expect(text == answer.text && !text.isEmpty)
        #expect(finishes == [answer.finish])
        #expect(usage?["completion_tokens"] as? Int == answer.usage["completion_tokens"] as? Int)
    }

    @Test func aCancelledCallFreesItsSequence() async throws {
        // One sequence: the second answer comes only when the first is out of it.
        let instance = try TinyModel.instance(#","sequences":1,"context":1024"#, slots: 2)
        let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
        let long = TinyModel.question("Tell me a story.", #","ignore_eos":true"#, streaming: true)
        let gate = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: BackendOutcome.self) { group in
            group.addTask {
                await instance.execute(long) { chunk in
                    // The opening is not the decode thread's, which waits here until the call was cancelled.
                    guard !String(decoding: chunk, as: UTF8.self).contains(#""role""#) else { return }
                    beginning.yield()
                    gate.wait()
                }
            }
            for await _ in begun { break }
            group.cancelAll()
            for _ in 0..<1_024 { gate.signal() }
            let outcome = try await group.next()
            #expect(outcome == .cancelled)
        }
        let next = try Answer(await instance.execute(TinyModel.question("Goodbye.")))
        #expect(next.text == "Goodbye! See you soon.")
        let stats = try #require(try JSONSerialization.jsonObject(with: Data(instance.stats())) as? [String: Any])
        #expect(stats["cancelled"] as? Int == 1)
        // A few before it was cancelled and those of the second answer, not the thousand it would have written.
        #expect(stats["completion_tokens"] as? Int ?? .max < 100)
    }

    @Test func destroyingEndsWhatIsOpen() async throws {
        // More than can be written before it is destroyed.
        let instance = try TinyModel.instance(#","context":8192"#, slots: 4)
        let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
        let long = TinyModel.question("Tell me a story.", #","ignore_eos":true"#, streaming: true)
        await withTaskGroup(of: BackendOutcome.self) { group in
            for _ in 0..<4 { group.addTask { await instance.execute(long) { _ in beginning.yield() } } }
            for await _ in begun { break }
            instance.destroy()
            for await outcome in group { #expect(outcome == .abandoned) }
        }
    }

    @Test func healthTellsWhatIsGoingOn() async throws {
        let instance = try TinyModel.instance(#","context":128"#, slots: 4)
        _ = try Answer(await instance.execute(TinyModel.question("Who are you?")))
        let health = instance.health()
        #expect(health.state == .well)
        let detail = try #require(health.detail)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(detail)) as? [String: Any])
        #expect(object["tokens_per_second"] as? Double ?? 0 > 0)
        #expect(object["kv_capacity"] as? Int == 4 * 128)
        #expect(object["kv_use"] as? Double == 0)
        #expect(object["batch_size"] as? Int == 1)
        #expect(object["requests"] as? Int == 1)
    }
}
