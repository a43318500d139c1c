/// When to sweep the rings again. Pure.
///
/// A slot that somebody's open transaction has touched cannot be emptied before that ends, and while a sweep waits for it,
/// every claim waits behind it: 20 ms each time. So whoever finds a slot in use comes back later and later.
struct SweepPace {
    /// The pause while nothing is in the way.
    static let pause = Duration.milliseconds(200)
    /// The longest pause: a ring grows meanwhile, which costs room and no time.
    static let maximumPause = Duration.seconds(30)

    private var next = SweepPace.pause

    /// A sweep said what it did. Returns how long to wait until the next.
    mutating func swept(_ did: String) -> Duration {
        guard did.contains("in use") else {
            next = Self.pause
            return Self.pause
        }
        next = min(next * 2, Self.maximumPause)
        return next
    }
}
