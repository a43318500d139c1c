internal import Glibc

extension TrialGround {
    func answersConcurrently() async throws -> String {
        let instance = try start(most: 1_000)
        let count = min(calls, 1_000)
        let outcomes = await run(instance, count)
        let failures = outcomes.filter { $0.word != "succeeded" }
        if let first = failures.first {
            throw Complaint(.concurrency, "\(failures.count) of \(count) calls failed, one as \(first.short)")
        }
        try await settle(instance)
        return "\(count) calls, \(min(instance.slots, count)) at a time"
    }

    func reportsUnderLoad() async throws -> String {
        let instance = try start()
        let count = min(calls, 1_000)
        let asked = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                _ = await self.run(instance, count)
                return 0
            }
            group.addTask {
                var asked = 0
                repeat {
                    try self.askForReports(instance)
                    asked += 1
                    await Task.yield()
                } while instance.openCalls > 0 && !Task.isCancelled || asked < 100
                return asked
            }
            return try await group.reduce(0, +)
        }
        let stats = instance.stats()
        return "\(asked) times; " + String(decoding: stats.prefix(120), as: UTF8.self)
    }

    /// More than anything that asks no upstream takes, on whatever machine.
    private static let atOnce = Duration.seconds(5)

    private func askForReports(_ instance: BackendInstance) throws {
        let clock = ContinuousClock()
        let began = clock.now
        let health = instance.health()
        guard health.state == .well || health.state == .strained else {
            throw Complaint(.health, "calls itself \(health.state.rawValue) under load")
        }
        if instance.lastReportWasDropped {
            throw Complaint(.health, "the health report is no JSON object of at most 64 KiB")
        }
        _ = instance.stats()
        if instance.lastReportWasDropped {
            throw Complaint(.statistics, "the statistics are no JSON object of at most 64 KiB")
        }
        let took = clock.now - began
        guard took < Self.atOnce else { throw Complaint(.healthAtOnce, "the reports took \(took)") }
    }

    func survivesDestroy() async throws -> String {
        let backend = try load()
        var open = 0
        for round in 0..<8 {
            let instance = try start(backend)
            let width = min(instance.slots, 64)
            let clock = ContinuousClock()
            let took = await withTaskGroup(of: BackendOutcome.self) { group in
                for number in 0..<width {
                    let call = call(instance, number)
                    group.addTask { await instance.execute(call) }
                }
                for _ in 0..<round * 8 { await Task.yield() }
                let began = clock.now
                instance.destroy()
                let took = clock.now - began
                for await outcome in group where outcome.word != "succeeded" { open += 1 }
                return took
            }
            guard took < .seconds(5) else { throw Complaint(.destroySoon, "destroy took \(took)") }
            try await settle(instance, finals: .destroy)
        }
        return "\(open) calls were open or not begun, in 8 instances"
    }

    func leavesTheProcessAlone() async throws -> String {
        let before = Self.signalHandlers()
        let instance = try start()
        _ = await run(instance, min(calls, 100))
        instance.destroy()
        let after = Self.signalHandlers()
        if let changed = after.indices.first(where: { before[$0] != after[$0] }) {
            throw Complaint(.process, "changed the handler of signal \(changed + 1)")
        }
        // This process has no children of its own.
        if waitpid(-1, nil, WNOHANG) != -1 { throw Complaint(.process, "started another process") }
        return "\(after.count) signals as they were"
    }

    /// Where each signal is handled, from 1 to 64.
    private static func signalHandlers() -> [UInt] {
        (1...Int32(64)).map { number in
            var action = sigaction()
            guard unsafe sigaction(number, nil, &action) == 0 else { return 0 }
            return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
        }
    }

    func staysSmall() async throws -> String {
        let instance = try start()
        _ = await run(instance, calls / 5 + 1)
        // Allocators keep some: a leak is what grows every time, by a hundred bytes a call or by two megabytes.
        var least = Int.max
        for _ in 0..<4 where !Task.isCancelled {
            let before = Self.residentBytes()
            for _ in 0..<10 { _ = await run(instance, max(1, calls / 10)) }
            least = min(least, Self.residentBytes() - before)
            if least <= max(2 << 20, calls * 100) { return "\(max(0, least) / 1_024) KiB in \(calls) calls" }
        }
        throw Complaint(.memory, "grows by \(least / 1_024) KiB and more in \(calls) calls")
    }

    /// The resident size of this process, 0 when it cannot be read.
    private static func residentBytes() -> Int {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = unsafe text.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
