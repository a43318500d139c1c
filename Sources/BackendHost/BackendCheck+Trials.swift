internal import Domain
internal import Glibc
internal import JSONText
internal import Synchronization

extension BackendCheck {
    func trials(of backend: Backend) -> [Trial] {
        var trials = [
            Trial(name: "answers every kind it declares, once") { try await $0.answersEachKind($1) },
            Trial(name: "refuses bodies it cannot read as invalid_request") { try await $0.refusesBadBodies($1) },
            Trial(name: "refuses kinds it does not offer as unsupported") { try await $0.refusesOtherKinds($1) },
            Trial(name: "answers as many calls at once as it declares") { try await $0.answersConcurrently($1) },
            Trial(name: "ends cancelled calls, cancelled before, during or after") { try await $0.survivesCancels($1) },
            Trial(name: "reports health and statistics as JSON objects") { try await $0.reports($1) },
            Trial(name: "can be destroyed with calls open, silent afterwards") { try await $0.survivesDestroy($1) },
            Trial(name: "does not grow with the number of calls") { try await $0.staysSmall($1) },
        ]
        if backend.descriptor.canStream {
            trials.insert(
                Trial(name: "sends chunks that are JSON, and none after the final") { try await $0.streams($1) },
                at: 1
            )
        }
        return trials
    }

    private func body(_ kind: JobKind, _ prompt: String = "Say hello to the world.") -> [UInt8] {
        var text: [UInt8] = []
        text.append("{\"model\":")
        text.appendJSONString(model)
        switch kind {
        case .chat:
            text.append(",\"messages\":[{\"role\":\"user\",\"content\":")
            text.appendJSONString(prompt)
            text.append("}]}")
        case .completion:
            text.append(",\"prompt\":")
            text.appendJSONString(prompt)
            text.append("}")
        case .embedding, .response:
            text.append(",\"input\":")
            text.appendJSONString(prompt)
            text.append("}")
        }
        return text
    }

    private func call(_ instance: BackendInstance, _ number: Int = 1) -> BackendCall {
        let kinds = JobKind.allCases.filter(instance.backend.descriptor.capabilities.contains)
        let kind = kinds[number % kinds.count]
        return BackendCall(job: Int64(number), attempt: 1, kind: kind, body: body(kind, "Say hello, number \(number)."))
    }

    /// Waits a little for callbacks that should not come, then complains of those that did.
    private func settle(_ instance: BackendInstance) async throws {
        try await Task.sleep(for: .milliseconds(30))
        let (double, stale, late) = (instance.doubleFinals, instance.staleFinals, instance.lateChunks)
        guard double == 0, stale == 0 else {
            throw Complaint("sent \(double + stale) finals for calls that had ended")
        }
        guard late == 0 else { throw Complaint("sent \(late) chunks for calls that had ended") }
    }

    private func answersEachKind(_ instance: BackendInstance) async throws -> String {
        let kinds = JobKind.allCases.filter(instance.backend.descriptor.capabilities.contains)
        for kind in kinds {
            let outcome = await instance.execute(BackendCall(job: 1, attempt: 1, kind: kind, body: body(kind)))
            guard case .succeeded(let answer, _) = outcome else {
                throw Complaint("a \(kind.rawValue) request ended as \(outcome.short)")
            }
            guard JSONValue(parsing: answer)?.kindName == "an object" else {
                throw Complaint("the answer to a \(kind.rawValue) request is no JSON object")
            }
        }
        try await settle(instance)
        return kinds.map(\.rawValue).joined(separator: ", ")
    }

    private func streams(_ instance: BackendInstance) async throws -> String {
        let kinds = JobKind.allCases.filter {
            $0 != .embedding && instance.backend.descriptor.capabilities.contains($0)
        }
        let counts = Mutex((all: 0, bad: 0))
        for kind in kinds {
            let streaming = BackendCall(job: 1, attempt: 1, kind: kind, body: body(kind), isStreaming: true)
            let outcome = await instance.execute(streaming) { chunk in
                counts.withLock { counts in
                    counts.all += 1
                    if JSONValue(parsing: chunk)?.kindName != "an object" { counts.bad += 1 }
                }
            }
            guard case .succeeded = outcome else { throw Complaint("a streaming call ended as \(outcome.short)") }
        }
        try await settle(instance)
        let (all, bad) = counts.withLock { $0 }
        guard all > 0, bad == 0 else { throw Complaint("\(bad) of \(all) chunks are no JSON objects") }
        return "\(all) chunks"
    }

    private func refusesBadBodies(_ instance: BackendInstance) async throws -> String {
        let kinds = JobKind.allCases.filter(instance.backend.descriptor.capabilities.contains)
        let good = body(kinds[0])
        let bodies: [(String, [UInt8])] = [
            ("no body (NULL)", []), ("white space", [0x20, 0x0a]), ("garbage", Array("garbage".utf8)),
            ("half a body", Array(good.prefix(good.count / 2))), ("two bodies", good + good),
            ("bytes that are not UTF-8", Array("{\"model\":\"".utf8) + [0xff, 0xfe] + Array("\"}".utf8)),
            ("an array", Array("[]".utf8)), ("an empty object", Array("{}".utf8)), ("a NUL byte", [0]),
        ]
        for kind in kinds {
            for (name, body) in bodies {
                let outcome = await instance.execute(BackendCall(job: 1, attempt: 1, kind: kind, body: body))
                guard case .failed(class: .invalidRequest, _, _, _) = outcome else {
                    throw Complaint("\(name) as a \(kind.rawValue) request ended as \(outcome.short)")
                }
            }
        }
        try await settle(instance)
        return "\(bodies.count) bad bodies for each kind"
    }

    private func refusesOtherKinds(_ instance: BackendInstance) async throws -> String {
        let missing = JobKind.allCases.filter { !instance.backend.descriptor.capabilities.contains($0) }
        var calls = missing.map { ($0.rawValue, BackendCall(job: 1, attempt: 1, kind: $0, body: body($0))) }
        for number: UInt32 in [4, 99, .max] {
            var unknown = call(instance)
            unknown.wireKind = number
            calls.append(("number \(number)", unknown))
        }
        for (name, call) in calls {
            let outcome = await instance.execute(call)
            guard case .failed(class: .unsupported, _, _, _) = outcome else {
                throw Complaint("kind \(name) ended as \(outcome.short)")
            }
        }
        try await settle(instance)
        return calls.map(\.0).joined(separator: ", ")
    }

    private func answersConcurrently(_ instance: BackendInstance) async throws -> String {
        let outcomes = await withTaskGroup(of: BackendOutcome.self) { group in
            for number in 0..<instance.slots {
                let call = call(instance, number)
                group.addTask { await instance.execute(call) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let failures = outcomes.filter { if case .succeeded = $0 { false } else { true } }
        if let first = failures.first { throw Complaint("\(failures.count) calls failed, one as \(first.short)") }
        try await settle(instance)
        return "\(instance.slots) at once"
    }

    private func survivesCancels(_ instance: BackendInstance) async throws -> String {
        var ends: [String: Int] = [:]
        var done = 0
        while done < calls {
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
            for outcome in outcomes { ends[outcome.word, default: 0] += 1 }
            done += width
        }
        instance.cancelUnknownCalls()
        if let failed = ends["failed"] { throw Complaint("\(failed) cancelled calls failed instead of ending") }
        guard case .succeeded = await instance.execute(call(instance)) else {
            throw Complaint("does not answer any more after \(done) cancelled calls")
        }
        try await settle(instance)
        return ends.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    private func reports(_ instance: BackendInstance) async throws -> String {
        _ = await instance.execute(call(instance))
        let health = instance.health()
        guard health.state == .well else { throw Complaint("calls itself \(health.state.rawValue)") }
        if instance.lastReportWasDropped { throw Complaint("the health report is no JSON object of at most 64 KiB") }
        let stats = instance.stats()
        if instance.lastReportWasDropped { throw Complaint("the statistics are no JSON object of at most 64 KiB") }
        return String(decoding: stats.prefix(200), as: UTF8.self)
    }

    private func survivesDestroy(_ instance: BackendInstance) async throws -> String {
        let width = min(instance.slots, 64)
        let ended = await withTaskGroup(of: BackendOutcome.self) { group in
            for number in 0..<width {
                let call = call(instance, number)
                group.addTask { await instance.execute(call) }
            }
            for _ in 0..<8 { await Task.yield() }
            instance.destroy()
            return await group.reduce(into: 0) { count, outcome in if case .succeeded = outcome { count += 1 } }
        }
        try await settle(instance)
        return "\(width - ended) of \(width) calls were open or not begun"
    }

    private func staysSmall(_ instance: BackendInstance) async throws -> String {
        func burst(_ count: Int) async {
            let width = min(instance.slots, 16)
            await withTaskGroup(of: Void.self) { group in
                for lane in 0..<width {
                    group.addTask {
                        for number in 0..<max(1, count / width) where !Task.isCancelled {
                            _ = await instance.execute(call(instance, lane + number))
                        }
                    }
                }
            }
        }
        await burst(calls)
        // Allocators keep some, and others may be at work in this process: a leak is what grows every time, by a hundred
        // bytes a call or by two megabytes.
        var least = Int.max
        for _ in 0..<4 {
            let before = Self.residentBytes()
            await burst(calls * 2)
            least = min(least, Self.residentBytes() - before)
            if least <= max(2 << 20, calls * 2 * 100) { return "\(max(0, least) / 1_024) KiB in \(calls * 2) calls" }
        }
        throw Complaint("grows by \(least / 1_024) KiB and more in \(calls * 2) calls")
    }

    /// The resident size of this process, 0 when it cannot be read.
    static func residentBytes() -> Int {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var text = [UInt8](repeating: 0, count: 128)
        let count = unsafe text.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

extension BackendOutcome {
    /// The case's name.
    var word: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .abandoned: "abandoned"
        }
    }

    /// The case with what a reader of a finding needs.
    var short: String {
        guard case .failed(let errorClass, let message, _, _) = self else { return word }
        return "\(errorClass.rawValue): \(message)"
    }
}
