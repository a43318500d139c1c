import BackendHost
import Domain
import Synchronization
import Testing

@Suite struct BackendInstanceTests {
    private func puppet(slots: Int = 16) async throws -> BackendInstance {
        try Backend.load(await Self.file.value).makeInstance(slots: slots)
    }

    /// Compiled once for the suite.
    // tidy: allow unstructured-task: compiled once, by whichever test asks first.
    private static let file = Task { try await BackendProducts.puppet() }

    private func call(_ job: Int64, streaming: Bool = false) -> BackendCall {
        BackendProducts.call(job, streaming: streaming)
    }

    private func good(_ text: String) -> BackendOutcome {
        .succeeded(body: Array(text.utf8), usage: Usage(promptTokens: 3, completionTokens: 4))
    }

    private func failed(_ errorClass: ErrorClass, _ message: String) -> BackendOutcome {
        .failed(class: errorClass, message: message, retryAfter: nil, body: nil)
    }

    @Test func anAnswerGivenAtOnceIsReturned() async throws {
        let instance = try await puppet()
        #expect(await instance.execute(call(1)) == good("{\"good\":1}"))
        #expect(instance.openCalls == 0)
    }

    @Test func anAnswerFromAForeignThreadIsReturned() async throws {
        let instance = try await puppet()
        for _ in 0..<500 { #expect(await instance.execute(call(2)) == good("{\"foreign\":true}")) }
    }

    @Test func theCallCrossesWhole() async throws {
        let instance = try await puppet(slots: 1)
        let request = BackendCall(
            job: 1_018,
            attempt: 3,
            kind: .embedding,
            body: Array("{\"a\":1}".utf8),
            isStreaming: true,
            deadline: .milliseconds(2_500)
        )
        let expected = "{\"kind\":2,\"flags\":1,\"attempt\":3,\"deadline\":2500,\"size\":7,\"slot\":0}"
        #expect(await instance.execute(request) == good(expected))
        var late = request
        late.deadline = .zero
        guard case .succeeded(let body, _) = await instance.execute(late) else { return #expect(Bool(false)) }
        // 0 would say that there is no deadline.
        #expect(String(decoding: body, as: UTF8.self).contains("\"deadline\":1,"))
    }

    @Test func anEstimatedUsageIsMarkedAndAnOlderFinalHasNoMark() async throws {
        let instance = try await puppet()
        func answered(_ isEstimated: Bool) -> BackendOutcome {
            .succeeded(
                body: Array("{}".utf8), usage: Usage(promptTokens: 3, completionTokens: 4, isEstimated: isEstimated))
        }
        #expect(await instance.execute(call(24)) == answered(true))
        #expect(await instance.execute(call(25)) == answered(false))
    }

    @Test func aSecondFinalIsIgnoredAndCounted() async throws {
        let instance = try await puppet()
        #expect(await instance.execute(call(3)) == good("{\"first\":1}"))
        #expect(instance.doubleFinals == 1)
        #expect(await instance.execute(call(1)) == good("{\"good\":1}"))
    }

    @Test func aChunkAfterTheFinalIsIgnoredAndCounted() async throws {
        let instance = try await puppet()
        let chunks = Mutex(0)
        _ = await instance.execute(call(4, streaming: true)) { _ in chunks.withLock { $0 += 1 } }
        #expect(chunks.withLock { $0 } == 1)
        #expect(instance.lateChunks == 1)
    }

    @Test func chunksComeInOrderBeforeTheOutcome() async throws {
        let instance = try await puppet()
        let chunks = Mutex<[String]>([])
        _ = await instance.execute(call(14, streaming: true)) { chunk in
            chunks.withLock { $0.append(String(decoding: chunk, as: UTF8.self)) }
        }
        #expect(chunks.withLock { $0 } == ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"])
    }

    @Test func finalsForNumbersThatNameNoCallDoNoHarm() async throws {
        let instance = try await puppet()
        guard case .succeeded = await instance.execute(call(23)) else { return #expect(Bool(false)) }
        #expect(instance.staleFinals == 1)
    }

    @Test func everyKindOfLieBecomesAFailure() async throws {
        let instance = try await puppet()
        #expect(await instance.execute(call(8)) == failed(.overloaded, "the backend did not take the call"))
        #expect(await instance.execute(call(9)) == failed(.retryable, "what is 77"))
        #expect(
            await instance.execute(call(10))
                == failed(
                    .retryable, "the backend reported as cancelled what nobody had cancelled"))
        #expect(await instance.execute(call(11)) == failed(.retryable, "the backend's answer is not JSON"))
        #expect(await instance.execute(call(22)) == failed(.retryable, "the backend's answer is larger than 64 MiB"))
        let empty = failed(.retryable, "the backend's final has no content or an impossible size")
        #expect(await instance.execute(call(12)) == empty)
        #expect(await instance.execute(call(15)) == empty)
        #expect(
            await instance.execute(call(16))
                == .failed(
                    class: .fatal, message: "gone", retryAfter: nil, body: Array("{\"error\":\"gone\"}".utf8)))
        // Answered and refused: the answer came first.
        #expect(await instance.execute(call(19)) == good("{}"))
        #expect(instance.doubleFinals == 1)
        #expect(instance.openCalls == 0)
    }

    @Test func messagesAreBoundedToOneLine() async throws {
        let instance = try await puppet()
        guard case .failed(.rateLimited, let message, .milliseconds(1_500), nil) = await instance.execute(call(13))
        else {
            return #expect(Bool(false))
        }
        #expect(message.hasPrefix("mmm \u{fffd}mm"))
        #expect(message.unicodeScalars.count == 2_048)
    }

    @Test func cancellingTellsTheBackendAndWaitsForItsFinal() async throws {
        let instance = try await puppet()
        #expect(await cancelled(call(5), in: instance) == .cancelled)
        #expect(await cancelled(call(6), in: instance) == good("{\"too\":\"late\"}"))
        #expect(await cancelled(call(20), in: instance) == .cancelled)
        #expect(instance.openCalls == 0)
    }

    @Test func aCallOfACancelledTaskIsNotBegun() async throws {
        let instance = try await puppet()
        let outcome = await withTaskGroup(of: BackendOutcome.self) { group in
            group.cancelAll()
            group.addTask { await instance.execute(call(1)) }
            return await group.next()
        }
        #expect(outcome == .cancelled)
    }

    @Test func theSlotStaysTakenUntilTheFinal() async throws {
        let instance = try await puppet(slots: 1)
        await withTaskGroup(of: BackendOutcome.self) { group in
            group.addTask { await instance.execute(call(7)) }
            await hold(1, in: instance)
            group.cancelAll()
            #expect(await instance.execute(call(1)) == failed(.overloaded, "every slot of the backend is taken"))
            // The puppet answers what it holds when it is asked for statistics.
            _ = instance.stats()
            #expect(await group.next() == good("{\"late\":1}"))
        }
        #expect(await instance.execute(call(1)) == good("{\"good\":1}"))
    }

    @Test func abandonedCallsAreReleasedAndTheirFinalsCounted() async throws {
        let instance = try await puppet(slots: 4)
        await withTaskGroup(of: BackendOutcome.self) { group in
            for _ in 0..<4 { group.addTask { await instance.execute(call(7)) } }
            await hold(4, in: instance)
            instance.abandonAll()
            for await outcome in group { #expect(outcome == .abandoned) }
        }
        #expect(instance.openCalls == 4)
        _ = instance.stats()
        #expect(instance.staleFinals == 4)
        #expect(instance.openCalls == 0)
        #expect(await instance.execute(call(1)) == good("{\"good\":1}"))
    }

    @Test func abandoningRacesWithFinalsWithoutLosingSlots() async throws {
        let instance = try await puppet(slots: 8)
        for round in 0..<400 {
            await withTaskGroup(of: BackendOutcome.self) { group in
                for number in 0..<8 { group.addTask { await instance.execute(call(number % 2 == 0 ? 2 : 1)) } }
                for _ in 0..<(round % 5 * 2) { await Task.yield() }
                instance.abandonAll()
                await group.waitForAll()
            }
            while instance.openCalls > 0 { await Task.yield() }
        }
    }

    @Test func aDestroyedInstanceTakesNoCalls() async throws {
        let instance = try await puppet()
        instance.destroy()
        instance.destroy()
        #expect(await instance.execute(call(1)) == failed(.fatal, "the backend's instance has been destroyed"))
        #expect(instance.health().state == .unusable)
    }

    @Test func reportsAreCheckedToBeJSON() async throws {
        let instance = try await puppet()
        #expect(instance.health() == BackendHealth(state: .strained, detail: Array("{\"held\":0}".utf8)))
        // The puppet's statistics lack a bracket.
        #expect(instance.stats() == Array("{}".utf8))
    }

    @Test func thousandsOfCancelRacesEndOnceEach() async throws {
        let instance = try await puppet(slots: 64)
        var ends = (answered: 0, cancelled: 0)
        for round in 0..<160 {
            await withTaskGroup(of: BackendOutcome.self) { group in
                for number in 0..<64 {
                    let job: Int64 = number % 4 == 0 ? 17 : number % 4 == 1 ? 5 : 1
                    group.addTask { await instance.execute(call(job)) }
                }
                for _ in 0..<(round % 9 * 8) { await Task.yield() }
                group.cancelAll()
                for await outcome in group {
                    switch outcome {
                    case .succeeded: ends.answered += 1
                    case .cancelled: ends.cancelled += 1
                    default: #expect(Bool(false), "\(outcome)")
                    }
                }
            }
        }
        #expect(ends.answered + ends.cancelled == 160 * 64)
        #expect(ends.answered > 0 && ends.cancelled > 0)
        #expect(instance.openCalls == 0)
    }

    @Test func manyInstancesReuseTheirSlots() async throws {
        let backend = try Backend.load(await Self.file.value)
        for _ in 0..<3_000 {
            let instance = try backend.makeInstance(slots: 3)
            guard case .succeeded = await instance.execute(call(1)) else { return #expect(Bool(false)) }
        }
    }

    @Test func manyTasksShareFewSlots() async throws {
        let instance = try await puppet(slots: 8)
        let ends = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<5_000 {
                        guard case .succeeded = await instance.execute(call(number % 50 == 0 ? 2 : 1)) else {
                            return false
                        }
                    }
                    return true
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(ends)
        #expect(instance.doubleFinals == 0 && instance.staleFinals == 0)
    }

    @Test func linesOfTheBackendAreDelivered() async throws {
        let instance = try await puppet()
        let (lines, sink) = AsyncStream.makeStream(of: String.self)
        BackendLog.receive { level, line in if line == "a line" { sink.yield("\(level): \(line)") } }
        _ = await instance.execute(call(21))
        sink.finish()
        #expect(await lines.first { _ in true } == "warning: a line")
    }

    /// Waits until the puppet holds that many calls.
    private func hold(_ count: Int, in instance: BackendInstance) async {
        while instance.health().detail != Array("{\"held\":\(count)}".utf8) { await Task.yield() }
    }

    /// Executes a call, cancels it once the backend has it, and returns how it ended.
    private func cancelled(_ call: BackendCall, in instance: BackendInstance) async -> BackendOutcome? {
        await withTaskGroup(of: BackendOutcome.self) { group in
            group.addTask { await instance.execute(call) }
            if call.job == 1_020 {
                while instance.openCalls == 0 { await Task.yield() }
            } else {
                await hold(1, in: instance)
            }
            group.cancelAll()
            return await group.next()
        }
    }
}
