/// Which of several keys to use: the same until it is refused, then the next.
///
/// Keys are numbers here, so that nothing that judges them can show them.
struct KeyRing: Sendable, Hashable {
    /// How many there are; may be 0, for an upstream that wants none.
    let count: Int
    /// The key to begin a request with.
    private(set) var current = 0
    /// How often a refusal has moved the ring on.
    private(set) var rotations = 0

    /// A ring of `count` keys.
    init(count: Int) { self.count = count }

    /// The key for a request that has tried `tried` already, from `current` on; nil when each was tried once.
    func next(after tried: [Int]) -> Int? {
        (0..<count).lazy.map { (current + $0) % count }.first { !tried.contains($0) }
    }

    /// Notes that the upstream refused `key`. Refusals of a key that is no longer current change nothing: requests that
    /// were under way together must not turn the ring once each.
    mutating func refused(_ key: Int) {
        guard count > 1, key == current else { return }
        current = (current + 1) % count
        rotations += 1
    }
}
