import Admission
import Queue
import Synchronization

/// What a request took of its key's and its tenant's limits. It gives the slot back when it ends, however that comes
/// about.
final class RequestCharge: Sendable {
    private struct State {
        var tokens = 0
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

    /// The request used so many tokens, which are charged from now on instead of what was taken: before its answer is sent to
    /// the end, so that who has it finds the rest in place.
    func settle(used: Int) {
        let surplus = state.withLock { state in
            defer { state.tokens = used }
            return state.tokens - used
        }
        if surplus != 0 { limiter.ended(limits, slots: 0, surplus: surplus) }
    }

    /// The request is over.
    func end() {
        let isFirst = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        if isFirst { limiter.ended(limits, slots: 1, surplus: 0) }
    }

    /// How much there is left, for its answer.
    var headers: [(name: String, value: String)] { limiter.headers(limits) }
}
