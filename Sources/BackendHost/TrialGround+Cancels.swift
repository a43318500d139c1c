extension TrialGround {
    func survivesCancelsBefore() async throws -> String {
        let instance = try start()
        instance.cancelCallsNotBegun()
        try await expectAnswer(instance, after: "cancels of unknown calls")
        instance.cancelCallsNotBegun()
        try await settle(instance, finals: .cancelUnknown)
        return "\(instance.slots + 2) unknown calls, twice"
    }

    func survivesCancelsDuring() async throws -> String {
        let instance = try start()
        var ends: [String: Int] = [:]
        var done = 0
        let count = min(calls, 2_000)
        while done < count {
            let width = min(instance.slots, 16)
            let outcomes = await withTaskGroup(of: BackendOutcome.self) { group in
                for number in 0..<width {
                    let call = call(instance, number)
                    group.addTask { await instance.execute(call) }
                }
                // Sometimes at once, sometimes when some have begun, sometimes when some have ended.
                for _ in 0..<(done / width % 7) * 4 { await Task.yield() }
                group.cancelAll()
                return await group.reduce(into: []) { $0.append($1) }
            }
            for outcome in outcomes {
                if case .failed = outcome { throw Complaint(.cancel, "a cancelled call ended as \(outcome.short)") }
                ends[outcome.word, default: 0] += 1
            }
            done += width
            if Task.isCancelled { break }
        }
        try await expectAnswer(instance, after: "\(done) cancelled calls")
        try await settle(instance)
        return ends.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    func survivesCancelsAfter() async throws -> String {
        let instance = try start()
        var cancelled = 0
        for _ in 0..<8 {
            let count = min(instance.slots, 32)
            _ = await run(instance, count)
            instance.cancelEndedCalls()
            cancelled += count
        }
        try await settle(instance, finals: .cancelUnknown)
        try await expectAnswer(instance, after: "cancels of ended calls")
        return "\(cancelled) ended calls"
    }
}
