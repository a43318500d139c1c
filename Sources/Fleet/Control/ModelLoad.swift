/// The traffic of a model of late, for limits to be held against.
package struct ModelLoad: Sendable, Hashable {
    /// Requests per second.
    package var requestsPerSecond: Double
    /// Tokens, read and written, of a request on average.
    package var tokensPerRequest: Double

    /// A load; none unless said.
    package init(requestsPerSecond: Double = 0, tokensPerRequest: Double = 0) {
        self.requestsPerSecond = requestsPerSecond
        self.tokensPerRequest = tokensPerRequest
    }
}
