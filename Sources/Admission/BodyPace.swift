/// Whether a request's body comes fast enough. Pure.
///
/// A client that sends a byte now and then would hold its connection, and memory, for ever: after `grace` a body must have
/// come at `bytesPerSecond` on average.
package struct BodyPace: Sendable {
    /// How long a body may come as slowly as it likes.
    package let grace: Duration
    /// How fast it has to come afterwards, on average.
    package let bytesPerSecond: Int
    private var began: Duration?
    private var bytes = 0

    package init(grace: Duration, bytesPerSecond: Int = 1_024) {
        self.grace = grace
        self.bytesPerSecond = bytesPerSecond
    }

    /// A request's head came.
    package mutating func began(at now: Duration) { (began, bytes) = (now, 0) }

    /// A piece of its body came.
    package mutating func received(_ count: Int) { bytes += count }

    /// All of it came.
    package mutating func ended() { began = nil }

    /// Whether some of it is still to come.
    package var isComing: Bool { began != nil }

    /// Whether the client is too slow.
    package func isTooSlow(at now: Duration) -> Bool {
        guard let began else { return false }
        let late = now - began - grace
        return late >= .zero && Double(bytes) < late.inSeconds * Double(bytesPerSecond)
    }
}
