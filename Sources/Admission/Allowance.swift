/// What one gateway holds of one subject's limits: the token buckets themselves are in the database, and a gateway takes
/// from them in small grants, so that most requests are decided here. Pure.
///
/// Everything held was taken from the bucket before, so the gateways together never give out more than the bucket did: in
/// any time t they admit at most limit · (1 + t/60 s) requests and, each, what it held when t began, which is less than
/// `batch`, a second's worth. Tokens count as estimated when they are admitted; what an answer took beyond that is a debt
/// that the next grant pays. Slots, of which the database grants no more than the limit, are never exceeded while the
/// gateway can renew them.
///
/// States of a request: admitted (it holds what it took), waiting (for the one grant that is under way), refused. What is
/// not used for `patience` goes back.
package struct Allowance: Sendable {
    /// What to ask the database for.
    package struct Ask: Sendable, Hashable {
        package var requests = 0
        package var requestsBack = 0
        package var tokens = 0
        /// Below zero: a debt to be paid.
        package var tokensBack = 0
        /// How many slots to hold from now on.
        package var slots = 0

        package init(
            requests: Int = 0, requestsBack: Int = 0, tokens: Int = 0, tokensBack: Int = 0, slots: Int = 0
        ) {
            self.requests = requests
            self.requestsBack = requestsBack
            self.tokens = tokens
            self.tokensBack = tokensBack
            self.slots = slots
        }
    }

    /// What the database said to an `Ask`.
    package struct Grant: Sendable, Hashable {
        package var requests: Int
        package var tokens: Int
        package var slots: Int
        /// What is left in the buckets; nil: there is no limit.
        package var requestsLeft: Double?
        package var tokensLeft: Double?

        package init(requests: Int, tokens: Int, slots: Int, requestsLeft: Double? = nil, tokensLeft: Double? = nil) {
            self.requests = requests
            self.tokens = tokens
            self.slots = slots
            self.requestsLeft = requestsLeft
            self.tokensLeft = tokensLeft
        }
    }

    package enum Verdict: Sendable, Hashable {
        case admitted
        /// It depends on the next grant.
        case waits
        case refused(RateRefusal)
    }

    /// How long what is held may lie unused.
    package static let patience = Duration.seconds(1)
    /// How long slots are held without being renewed, in a third of which they are.
    package static let renewal = Duration.seconds(5)
    /// How long a gateway believes that all slots are taken.
    package static let slotMemory = Duration.milliseconds(50)

    package private(set) var limits: RateLimits
    /// What is held and not in use. Tokens below zero are a debt.
    package private(set) var held = RateCost()
    /// Requests under way.
    package private(set) var running = 0
    private var wanted = RateCost()
    private var left: (requests: Double?, tokens: Double?) = (nil, nil)
    private var leftAt = Duration.zero
    private var usedAt = Duration.zero
    private var slotsTakenUntil = Duration.zero
    private var renewAt = Duration.zero
    private var asked: Ask?

    /// An allowance that holds nothing yet.
    package init(_ limits: RateLimits) { self.limits = limits }

    /// Whether nothing would be lost by forgetting it.
    package var isIdle: Bool { running == 0 && asked == nil && wanted == RateCost() && held == RateCost() }

    /// The limits are others now. What is held stays.
    package mutating func changed(to limits: RateLimits) {
        guard limits != self.limits else { return }
        self.limits = limits
        left = (nil, nil)
        slotsTakenUntil = .zero
    }

    // MARK: Requests

    /// A request came that takes `cost`.
    package mutating func asks(for cost: RateCost, at now: Duration) -> Verdict {
        if let refusal = impossible(cost) { return .refused(refusal) }
        if take(cost, at: now) { return .admitted }
        if let refusal = known(cost, at: now) { return .refused(refusal) }
        wanted.requests += cost.requests
        wanted.tokens += cost.tokens
        wanted.slots += cost.slots
        return .waits
    }

    /// The grant a request waited for is there, or there is nothing to ask for.
    package mutating func decides(_ cost: RateCost, at now: Duration) -> Verdict {
        withdrawn(cost)
        if take(cost, at: now) { return .admitted }
        if let refusal = impossible(cost) ?? known(cost, at: now) { return .refused(refusal) }
        // Others took what came.
        return .refused(RateRefusal(limit: .requests, maximum: limits.requestsPerMinute ?? 0, retryAfter: .seconds(1)))
    }

    /// A request that waits goes: it was refused for another reason.
    package mutating func withdrawn(_ cost: RateCost) {
        wanted.requests = max(0, wanted.requests - cost.requests)
        wanted.tokens = max(0, wanted.tokens - cost.tokens)
        wanted.slots = max(0, wanted.slots - cost.slots)
    }

    /// What was taken is given back unused: the request was refused for another reason.
    package mutating func returned(_ cost: RateCost) {
        held.requests += limits.requestsPerMinute == nil ? 0 : cost.requests
        held.tokens += limits.tokensPerMinute == nil ? 0 : cost.tokens
        running -= cost.slots
    }

    /// A request has ended, or what it used is known.
    ///
    /// - Parameters:
    ///   - slots: How many it no longer holds.
    ///   - surplus: By how much it used less than it was charged; below zero: more.
    package mutating func ended(slots: Int, surplus: Int, at now: Duration) {
        running -= slots
        if limits.tokensPerMinute != nil { held.tokens += surplus }
        usedAt = now
    }

    private mutating func take(_ cost: RateCost, at now: Duration) -> Bool {
        guard limits.requestsPerMinute == nil || cost.requests == 0 || held.requests >= cost.requests,
            limits.tokensPerMinute == nil || cost.tokens == 0 || held.tokens >= cost.tokens,
            limits.concurrency == nil || cost.slots == 0 || held.slots - running >= cost.slots
        else { return false }
        if limits.requestsPerMinute != nil { held.requests -= cost.requests }
        if limits.tokensPerMinute != nil { held.tokens -= cost.tokens }
        running += cost.slots
        usedAt = now
        return true
    }

    private func impossible(_ cost: RateCost) -> RateRefusal? {
        if let maximum = limits.requestsPerMinute, cost.requests > maximum {
            return RateRefusal(limit: .requests, maximum: maximum, retryAfter: nil)
        }
        if let maximum = limits.tokensPerMinute, cost.tokens > maximum {
            return RateRefusal(limit: .tokens, maximum: maximum, retryAfter: nil)
        }
        return nil
    }

    /// What the last grant said already: then there is nothing to ask.
    private func known(_ cost: RateCost, at now: Duration) -> RateRefusal? {
        if let maximum = limits.concurrency, cost.slots > 0, held.slots - running < cost.slots,
            held.slots >= maximum || now < slotsTakenUntil
        {
            return RateRefusal(limit: .concurrency, maximum: maximum, retryAfter: .seconds(1))
        }
        if let maximum = limits.requestsPerMinute, let left = remainingRequests(at: now), cost.requests > 0 {
            let missing = Double(cost.requests) - left
            if missing > 0 {
                return RateRefusal(limit: .requests, maximum: maximum, retryAfter: Self.time(missing, maximum))
            }
        }
        if let maximum = limits.tokensPerMinute, let left = remainingTokens(at: now), cost.tokens > 0 {
            let missing = Double(cost.tokens) - left
            if missing > 0 {
                return RateRefusal(limit: .tokens, maximum: maximum, retryAfter: Self.time(missing, maximum))
            }
        }
        return nil
    }

    /// How long it takes until so much more is there, to the microsecond.
    private static func time(_ missing: Double, _ perMinute: Int) -> Duration {
        .microseconds(Int64((missing * 60_000_000 / Double(perMinute)).rounded()))
    }

    // MARK: Grants

    /// The most that is taken of a limit beyond what requests wait for: a second's worth.
    package static func batch(_ perMinute: Int) -> Int { perMinute / 60 }

    /// What to ask the database for now; nil: nothing, so that whoever waits can be decided at once. At most one ask is
    /// under way.
    package mutating func ask(at now: Duration) -> Ask? {
        guard asked == nil else { return nil }
        let isUnused = now - usedAt >= Self.patience
        var ask = Ask()
        if let maximum = limits.requestsPerMinute {
            if wanted.requests > held.requests {
                ask.requests = wanted.requests - held.requests + Self.batch(maximum)
            } else if wanted.requests == 0, isUnused {
                ask.requestsBack = held.requests
            }
        }
        if let maximum = limits.tokensPerMinute {
            if held.tokens < 0 {
                ask.tokensBack = held.tokens
            } else if wanted.tokens == 0, isUnused || held.tokens > 2 * Self.batch(maximum) {
                ask.tokensBack = held.tokens
            }
            if wanted.tokens > 0, wanted.tokens > held.tokens {
                ask.tokens = wanted.tokens - max(0, held.tokens) + Self.batch(maximum)
            }
        }
        var wantsSlots = false
        if let maximum = limits.concurrency {
            let spare = isUnused ? 0 : maximum / 16
            ask.slots = min(maximum, running + wanted.slots + (wanted.slots > 0 ? spare : 0))
            if wanted.slots == 0 { ask.slots = max(ask.slots, min(held.slots, running + spare)) }
            wantsSlots = ask.slots != held.slots || (held.slots > 0 && now >= renewAt)
        } else if held.slots > 0 {
            held.slots = 0
        }
        let wantsMore = ask.requests != 0 || ask.tokens != 0
        guard wantsMore || ask.requestsBack != 0 || ask.tokensBack != 0 || wantsSlots else { return nil }
        // What goes back is nobody's from now on: the answer may be lost, and the database have given it to others.
        held.requests -= ask.requestsBack
        held.tokens -= ask.tokensBack
        held.slots = min(held.slots, ask.slots)
        asked = ask
        return ask
    }

    /// The database answered the ask.
    package mutating func granted(_ grant: Grant, at now: Duration) {
        guard let ask = asked else { return }
        asked = nil
        if limits.requestsPerMinute != nil { held.requests += grant.requests }
        if limits.tokensPerMinute != nil { held.tokens += grant.tokens }
        if limits.concurrency != nil {
            held.slots = grant.slots
            renewAt = now + Self.renewal
            if grant.slots < max(ask.slots, running + wanted.slots) { slotsTakenUntil = now + Self.slotMemory }
        }
        (left, leftAt) = ((grant.requestsLeft, grant.tokensLeft), now)
    }

    /// The ask did not reach the database, or its answer did not come: nobody knows which. What was to go back and what may
    /// have been granted are lost, and fill up again; a debt is kept.
    package mutating func failed() {
        guard let ask = asked else { return }
        asked = nil
        held.tokens += min(0, ask.tokensBack)
    }

    /// The subject has no limits any more.
    package mutating func removed() {
        asked = nil
        limits = RateLimits()
        held = RateCost()
    }

    // MARK: What clients are told

    /// What is left to ask for, as far as this gateway knows; nil: no limit, or nothing known yet.
    package func remainingRequests(at now: Duration) -> Double? {
        remaining(limits.requestsPerMinute, left.requests, held.requests, at: now)
    }

    /// As `remainingRequests`.
    package func remainingTokens(at now: Duration) -> Double? {
        remaining(limits.tokensPerMinute, left.tokens, held.tokens, at: now)
    }

    private func remaining(_ maximum: Int?, _ left: Double?, _ held: Int, at now: Duration) -> Double? {
        guard let maximum, let left else { return nil }
        let filled = left + (now - leftAt).inSeconds * Double(maximum) / 60
        return min(Double(maximum), filled + Double(held))
    }
}

extension Duration {
    /// As a number of seconds.
    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
