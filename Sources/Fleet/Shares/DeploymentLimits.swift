/// What a deployment may be asked for at most: an upstream's quotas, or what its machine can bear. Nil: no limit.
package struct DeploymentLimits: Sendable, Hashable {
    /// Requests at the same time.
    package var concurrency: Int?
    /// Requests in any minute.
    package var requestsPerMinute: Int?
    /// Tokens, read and written, in any minute.
    package var tokensPerMinute: Int?

    /// Limits; each at least 1.
    package init(concurrency: Int? = nil, requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil) {
        self.concurrency = concurrency.map { max(1, $0) }
        self.requestsPerMinute = requestsPerMinute.map { max(1, $0) }
        self.tokensPerMinute = tokensPerMinute.map { max(1, $0) }
    }

    /// The part of a model's traffic it can take, which may be more than 1; nil when nothing limits it or there is no
    /// traffic.
    ///
    /// - Parameters:
    ///   - requestsPerSecond: of the whole model.
    ///   - tokensPerRequest: on average.
    ///   - latency: of this deployment, on average. By Little's law (1961) it needs rate × latency places at a time.
    package func part(requestsPerSecond: Double, tokensPerRequest: Double, latency: Duration?) -> Double? {
        guard requestsPerSecond > 0 else { return nil }
        var rates: [Double] = []
        if let requestsPerMinute { rates.append(Double(requestsPerMinute) / 60) }
        if let tokensPerMinute, tokensPerRequest > 0 { rates.append(Double(tokensPerMinute) / 60 / tokensPerRequest) }
        if let concurrency, let latency, latency > .zero { rates.append(Double(concurrency) / latency.seconds) }
        return rates.min().map { $0 / requestsPerSecond }
    }
}
