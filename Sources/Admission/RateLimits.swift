/// What a key or a tenant may ask of all gateways together; nil: as much as it likes.
package struct RateLimits: Sendable, Hashable {
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    /// Requests at a time.
    package var concurrency: Int?

    package init(requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, concurrency: Int? = nil) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrency = concurrency
    }
}

/// What a request takes of them.
package struct RateCost: Sendable, Hashable {
    package var requests = 0
    package var tokens = 0
    package var slots = 0

    package init(requests: Int = 0, tokens: Int = 0, slots: Int = 0) {
        self.requests = requests
        self.tokens = tokens
        self.slots = slots
    }
}

/// Why a request has to wait or go.
package struct RateRefusal: Error, Sendable, Hashable {
    package enum Limit: String, Sendable {
        case requests
        case tokens
        case concurrency
    }

    /// Which limit it is.
    package let limit: Limit
    /// How much of it there is.
    package let maximum: Int
    /// After how long another try may succeed; nil: never, it asks for more than the limit at once.
    package let retryAfter: Duration?

    package init(limit: Limit, maximum: Int, retryAfter: Duration?) {
        self.limit = limit
        self.maximum = maximum
        self.retryAfter = retryAfter
    }
}
