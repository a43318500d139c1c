/// Whether a quantity rises, how fast, and when it will reach a limit, from its last points.
///
/// The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968), so a few wild points do
/// not move it; that it rises at all is judged by the Mann-Kendall test (Mann 1945, Kendall 1955), which asks nothing
/// of the distribution. Points should be measured apart from each other: overlapping windows look like trends.
package struct Trend: Sendable, Hashable {
    /// A point: when, and how much.
    package struct Point: Sendable, Hashable {
        /// In seconds, since any fixed start.
        package let second: Double
        /// How much.
        package let value: Double
    }

    /// How many points are kept. 30 points have 435 pairs.
    package static let maximumPoints = 30
    /// Fewer say nothing.
    package static let minimumPoints = 8
    /// How many standard deviations the rising pairs must exceed chance by: about one false alarm in 700 looks.
    package static let significance = 3.0

    /// The points, the oldest first.
    package private(set) var points: [Point] = []

    /// No points.
    package init() {}

    /// Adds a point no older than the last.
    package mutating func record(_ value: Double, at now: Duration) {
        guard value.isFinite else { return }
        points.append(Point(second: now.seconds, value: value))
        if points.count > Self.maximumPoints { points.removeFirst() }
    }

    /// How much it rises in a second; nil unless it does so significantly.
    package var risePerSecond: Double? {
        guard points.count >= Self.minimumPoints else { return nil }
        var slopes: [Double] = []
        var score = 0
        for (index, later) in points.enumerated() {
            for earlier in points[..<index] where later.second > earlier.second {
                slopes.append((later.value - earlier.value) / (later.second - earlier.second))
                score += later.value > earlier.value ? 1 : later.value < earlier.value ? -1 : 0
            }
        }
        let count = Double(points.count)
        let deviation = (count * (count - 1) * (2 * count + 5) / 18).squareRoot()
        guard Double(score - 1) > Self.significance * deviation, !slopes.isEmpty else { return nil }
        let slope = slopes.sorted()[slopes.count / 2]
        return slope > 0 ? slope : nil
    }

    /// How long until it reaches `limit` if it goes on like this: nil when it does not rise, zero when it is there.
    package func time(to limit: Double) -> Duration? {
        guard let rise = risePerSecond, let last = points.last else { return nil }
        // Where the line through all of them stands now: the last point alone may be wild.
        let levels = points.map { $0.value + rise * (last.second - $0.second) }.sorted()
        let seconds = (limit - levels[levels.count / 2]) / rise
        guard seconds > 0 else { return .zero }
        return .seconds(min(seconds, 1e9))
    }
}
