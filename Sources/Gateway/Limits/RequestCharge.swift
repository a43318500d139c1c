import Admission
import Queue
import Synchronization

/// What a request took of its key's and its tenant's limits. It gives the slot back when it ends, however that comes
/// about, and settles the tokens.
final class RequestCharge: Sendable {
    private struct State {
        var tokens = 0
        var used: Int?
        var hasEnded = false
    }

    private let limiter: Limiter
    private let limits: [LimitSetting]
    private let state = Mutex(State())

    /// A charge that took one request and one slot.
    init(_ limiter: Limiter, _ limits: [LimitSetting]) {
        self.limiter = limiter
        self.limits = limits
    }

    deinit { end() }

    /// Takes more.
    ///
    /// - Throws: `GatewayFailure` with status 429, or 503 when nobody knows.
    func take(_ cost: RateCost) async throws(GatewayFailure) {
        try await limiter.take(cost, of: limits)
        state.withLock { $0.tokens += cost.tokens }
    }

    /// The request used so many tokens.
    func settle(used: Int) { state.withLock { $0.used = used } }

    /// The request is over.
    func end() {
        let surplus = state.withLock { state -> Int? in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state.used.map { state.tokens - $0 } ?? 0
        }
        if let surplus { limiter.ended(limits, surplus: surplus) }
    }

    /// How much there is left, for its answer.
    var headers: [(name: String, value: String)] { limiter.headers(limits) }
}
