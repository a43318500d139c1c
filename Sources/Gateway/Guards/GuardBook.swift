import Admission
import Queue
import Synchronization

/// The guards of models, as the database had them some seconds ago.
final class GuardBook: Sendable {
    /// How long an answer of the database is believed.
    static let memory = Duration.seconds(5)

    private struct State {
        var rules: [String: RequestGuard]?
        var until = ContinuousClock.now
    }

    private let queue: Queue
    private let state = Mutex(State())

    init(_ queue: Queue) { self.queue = queue }

    /// The guard of `model`; one that lets everything pass when it has none.
    ///
    /// - Throws: 503 when they were never read and the database is away.
    func rules(for model: String) async throws(GatewayFailure) -> RequestGuard {
        let now = ContinuousClock.now
        // Whoever finds them old reads them; the others take the old ones meanwhile.
        let known = state.withLock { state -> [String: RequestGuard]? in
            guard state.rules != nil, state.until <= now else { return state.rules }
            state.until = now + Self.memory
            return nil
        }
        if let known { return known[model] ?? RequestGuard() }
        do {
            let rules = Dictionary(
                try await queue.guards().map { ($0.model, RequestGuard($0)) }, uniquingKeysWith: { $1 })
            state.withLock { ($0.rules, $0.until) = (rules, now + Self.memory) }
            return rules[model] ?? RequestGuard()
        } catch {
            guard let old = state.withLock({ $0.rules }) else { throw GatewayFailure(error) }
            return old[model] ?? RequestGuard()
        }
    }
}

extension RequestGuard {
    fileprivate init(_ row: ModelGuard) {
        self.init()
        bodyBytes = row.bodyBytes.map(Int.init)
        depth = row.depth.map(Int.init)
        promptCharacters = row.promptCharacters.map(Int.init)
        leastTokens = Int(row.leastTokens)
        mostTokens = row.mostTokens.map(Int.init)
        controlCharacters = Policy(rawValue: row.controlCharacters) ?? .refuse
        unknownFields = Policy(rawValue: row.unknownFields) ?? .refuse
        extraFields = Set(row.extraFields)
    }
}
