package import Domain

/// An attempt that failed, and what came before it.
package struct FailedAttempt: Sendable, Hashable {
    /// Why it failed.
    package var errorClass: ErrorClass
    /// The model it was made for: the one asked for, or a stand-in.
    package var model: String
    /// The deployments of that model that were tried, this one included.
    package var tried: Set<String>
    /// How often the job has failed with this model, this time included; from 1.
    package var failures: Int
    /// The number of failures that ends it.
    package var maximumAttempts: Int
    /// The rest the upstream asked for.
    package var retryAfter: Duration?

    /// A failed attempt.
    package init(
        _ errorClass: ErrorClass, model: String, tried: Set<String>, failures: Int, maximumAttempts: Int,
        retryAfter: Duration? = nil
    ) {
        self.errorClass = errorClass
        self.model = model
        self.tried = tried
        self.failures = failures
        self.maximumAttempts = maximumAttempts
        self.retryAfter = retryAfter
    }
}
