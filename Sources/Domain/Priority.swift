/// How urgent a job is: 0 is claimed first, 4 last. A lower level is served only when the levels above it are empty.
public struct Priority: RawRepresentable, Sendable, Hashable, Comparable {
    /// The level, 0 to 4.
    public let rawValue: Int16

    /// The levels there are. Five, because every claim looks at each of them.
    public static let levels = 5
    /// Somebody waits for the answer.
    public static let interactive = Priority(1)
    /// What a job gets when nothing is said.
    public static let normal = Priority(2)
    /// What a job of a batch gets when nothing is said.
    public static let batch = Priority(3)
    /// Whenever there is nothing else to do.
    public static let low = Priority(4)

    /// The priority of `rawValue`, or nil when it is not in 0...4.
    public init?(rawValue: Int16) {
        guard 0..<Int16(Self.levels) ~= rawValue else { return nil }
        self.rawValue = rawValue
    }

    private init(_ level: Int16) { rawValue = level }

    /// Whether `left` is claimed before `right`.
    public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
