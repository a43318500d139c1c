import Admission

/// What `sluice.take_grants` does for one limit, in memory.
struct CentralBuckets {
    let limits: RateLimits
    private(set) var requests: Double
    private(set) var tokens: Double
    private(set) var slots: [Int: (count: Int, until: Duration)] = [:]
    private var filledAt = Duration.zero
    /// Everything it ever gave out, less what came back.
    private(set) var given = 0

    init(_ limits: RateLimits) {
        self.limits = limits
        requests = Double(limits.requestsPerMinute ?? 0)
        tokens = Double(limits.tokensPerMinute ?? 0)
    }

    mutating func answer(_ ask: Allowance.Ask, of gateway: Int, at now: Duration) -> Allowance.Grant {
        let seconds = (now - filledAt).inSeconds
        filledAt = now
        var grant = Allowance.Grant(requests: ask.requests, tokens: ask.tokens, slots: ask.slots)
        if let limit = limits.requestsPerMinute {
            requests = min(Double(limit), requests + seconds * Double(limit) / 60 + Double(ask.requestsBack))
            grant.requests = max(0, min(ask.requests, Int(requests)))
            requests -= Double(grant.requests)
            given += grant.requests - ask.requestsBack
            grant.requestsLeft = requests
        }
        if let limit = limits.tokensPerMinute {
            tokens = min(Double(limit), tokens + seconds * Double(limit) / 60 + Double(ask.tokensBack))
            grant.tokens = max(0, min(ask.tokens, Int(tokens.rounded(.down))))
            tokens -= Double(grant.tokens)
            grant.tokensLeft = tokens
        }
        if let limit = limits.concurrency {
            slots = slots.filter { $0.value.until >= now }
            let others = slots.filter { $0.key != gateway }.reduce(0) { $0 + $1.value.count }
            grant.slots = max(0, min(ask.slots, limit - others))
            slots[gateway] = grant.slots > 0 ? (grant.slots, now + .seconds(15)) : nil
        }
        return grant
    }
}
