/// Whether a worker may claim a job outside its deployment's share. Sticky affinity gives way before anybody waits
/// long.
package struct SpillRule: Sendable, Hashable {
    /// How long a job has to have waited. Nil: never.
    package var after: Duration?
    /// How many jobs at the head of the queue are looked at.
    package var head = 100

    /// A rule.
    package init(after: Duration? = .seconds(5)) { self.after = after }

    /// The least time a job must have waited for a worker to take it from another's share, and nil when it may take
    /// none: its own share had enough for it, or its deployment is not fully in service, where every job is counted and
    /// judged.
    ///
    /// - Parameters:
    ///   - freeSlots: how many jobs the worker had room for after its own claim.
    ///   - fraction: what breaker or rollout allow its deployment, 0 to 1.
    package func minimumWait(freeSlots: Int, fraction: Double) -> Duration? {
        guard freeSlots > 0, fraction >= 1 else { return nil }
        return after
    }
}
