import Postgres

/// When to look for due jobs again, and from where. Pure.
///
/// A look starts where the last one ended. An enqueue may commit after the floor has passed its due time; those are found
/// by looks from the beginning, which take at most 2% of the time, but happen at least every `fullLookInterval`.
struct PromotionPace {
    /// The longest pause: what is scheduled for sooner than what is known waits this long at most.
    static let maximumPause = Duration.milliseconds(250)
    /// The longest pause between looks from the beginning.
    static let fullLookInterval = Duration.seconds(5)
    /// Jobs of one look.
    static let limit: Int32 = 1000

    private var floor: Timestamp?
    private var nextFullLook = Duration.zero

    /// Where to look from at `now`; nil for the beginning.
    func start(at now: Duration) -> Timestamp? { now >= nextFullLook ? nil : floor }

    /// A look that began at `began`, from the beginning if `wasFull`, has returned at `now`: it queued `promoted` jobs, the next
    /// look may start at `floor`, and the next job is due in `next`, if there is one.
    ///
    /// - Returns: how long to wait until the next.
    mutating func looked(
        promoted: Int32, floor: Timestamp, next: Duration?, wasFull: Bool, began: Duration, now: Duration
    ) -> Duration {
        self.floor = floor
        if wasFull { nextFullLook = now + min((now - began) * 49, Self.fullLookInterval) }
        if promoted >= Self.limit { return .zero }
        return max(.milliseconds(1), min(next ?? Self.maximumPause, Self.maximumPause))
    }
}
