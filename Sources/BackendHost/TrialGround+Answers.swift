internal import Domain
internal import JSONText
internal import Synchronization

extension TrialGround {
    func answersEachKind() async throws -> String {
        let instance = try start()
        for kind in kinds(instance) {
            let outcome = await instance.execute(BackendCall(job: 1, attempt: 1, kind: kind, body: body(kind)))
            guard case .succeeded(let answer, _) = outcome else {
                throw Complaint(.answer, "a \(kind.rawValue) request ended as \(outcome.short)")
            }
            guard JSONValue(parsing: answer)?.kindName == "an object" else {
                throw Complaint(.unicode, "the answer to a \(kind.rawValue) request is no JSON object")
            }
        }
        return kinds(instance).map(\.rawValue).joined(separator: ", ")
    }

    func sendsGoodChunks() async throws -> String {
        let instance = try start()
        guard instance.backend.descriptor.canStream else { return "it declares no streaming" }
        let counts = Mutex((all: 0, bad: 0))
        for kind in kinds(instance) where kind != .embedding {
            let streaming = BackendCall(job: 1, attempt: 1, kind: kind, body: body(kind), isStreaming: true)
            let outcome = await instance.execute(streaming) { chunk in
                counts.withLock { counts in
                    counts.all += 1
                    if JSONValue(parsing: chunk)?.kindName != "an object" { counts.bad += 1 }
                }
            }
            guard case .succeeded(let answer, _) = outcome, JSONValue(parsing: answer)?.kindName == "an object" else {
                throw Complaint(.wholeAnswer, "a streaming \(kind.rawValue) request ended as \(outcome.short)")
            }
        }
        let (all, bad) = counts.withLock { $0 }
        let dropped = bad + instance.badChunks
        guard dropped == 0 else {
            throw Complaint(.chunk, "\(dropped) of \(all + instance.badChunks) chunks are no JSON objects")
        }
        guard all > 0 else { throw Complaint(.chunk, "declares streaming and sent no chunk") }
        return "\(all) chunks"
    }

    func refusesOtherKinds() async throws -> String {
        let instance = try start()
        let missing = JobKind.allCases.filter { !instance.backend.descriptor.capabilities.contains($0) }
        var calls = missing.map { ($0.rawValue, BackendCall(job: 1, attempt: 1, kind: $0, body: body($0))) }
        for number: UInt32 in [1_000, .max] {
            var unknown = call(instance)
            unknown.wireKind = number
            calls.append(("number \(number)", unknown))
        }
        for (name, call) in calls {
            let outcome = await instance.execute(call)
            guard case .failed(class: .unsupported, _, _, _) = outcome else {
                throw Complaint(.kinds, "kind \(name) ended as \(outcome.short)")
            }
        }
        try await settle(instance, finals: .refusal)
        return calls.map(\.0).joined(separator: ", ")
    }

    func endsEveryCall() async throws -> String {
        let instance = try start()
        let outcomes = await run(instance, min(calls, 500))
        return "\(outcomes.count) calls, \(outcomes.count { $0.word == "succeeded" }) of them answered"
    }

    func endsEveryCallOnce() async throws -> String {
        let instance = try start()
        let outcomes = await run(instance, min(calls, 500))
        try await settle(instance)
        return "\(outcomes.count) finals for \(outcomes.count) calls"
    }

    func sendsNoLateChunks() async throws -> String {
        let instance = try start()
        guard instance.backend.descriptor.canStream else { return "it declares no streaming" }
        let outcomes = await run(instance, min(calls, 200), streaming: true)
        try await settle(instance)
        return "\(outcomes.count) streaming calls"
    }
}
