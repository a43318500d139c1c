/// Decides whether more jobs may wait, from a count that is taken now and then. Pure.
///
/// A count is believed for `age` to let jobs in, and for `doubt` to turn them away; what this gateway let in since counts
/// on top of it. A job is admitted, then either queued or gone; until then no count can have seen it. So one gateway alone keeps to the bound, and each further one may exceed it by what it lets in within
/// `age`, at most the bound itself.
package struct DepthGauge: Sendable {
    /// Whose jobs wait for what.
    package struct Lane: Sendable, Hashable {
        package let tenant: String
        package let model: String

        package init(tenant: String, model: String) {
            self.tenant = tenant
            self.model = model
        }
    }

    /// How many jobs of a lane wait at one priority.
    package struct Count: Sendable, Hashable {
        package var lane: Lane
        /// 0 (first) to 4 (last).
        package var priority: Int
        package var waiting: Int
        /// How many end in a second, as far as it was measured.
        package var perSecond: Double?

        package init(lane: Lane, priority: Int, waiting: Int, perSecond: Double?) {
            self.lane = lane
            self.priority = priority
            self.waiting = waiting
            self.perSecond = perSecond
        }
    }

    /// How many may wait; nil stands for every tenant, or every model.
    package struct Bound: Sendable, Hashable {
        package var tenant: String?
        package var model: String?
        package var waiting: Int

        package init(tenant: String? = nil, model: String? = nil, waiting: Int) {
            self.tenant = tenant
            self.model = model
            self.waiting = waiting
        }
    }

    /// The queue is full.
    package struct Full: Error, Sendable, Hashable {
        package var waiting: Int
        package var bound: Int
        /// How long the job would have waited; nil: never measured.
        package var wait: Duration?

        package init(waiting: Int, bound: Int, wait: Duration?) {
            self.waiting = waiting
            self.bound = bound
            self.wait = wait
        }
    }

    package enum Verdict: Sendable, Hashable {
        case admitted
        /// The count is too old to tell.
        case needsCount
        case full(Full)
    }

    package static let age = Duration.seconds(1)
    package static let doubt = Duration.milliseconds(100)
    private static let grain = Duration.milliseconds(50)

    private var counts: [Lane: [Int: Count]] = [:]
    private var bounds: [Bound] = []
    /// Jobs that were let in and are not queued yet.
    private var entering: [Lane: [Int: Int]] = [:]
    /// Jobs queued since the count, by when, to the twentieth of a second.
    private var added: [(at: Duration, jobs: [Lane: [Int: Int]])] = []
    private var countedAt: Duration?

    /// A gauge that knows nothing.
    package init() {}

    /// Jobs were counted `age` before `now`, at which they were asked for: what is queued from then on may not be in it.
    package mutating func counted(_ counts: [Count], _ bounds: [Bound], age: Duration, at now: Duration) {
        self.counts = counts.reduce(into: [:]) { $0[$1.lane, default: [:]][$1.priority] = $1 }
        self.bounds = bounds
        let countedAt = now - age
        // A part began up to a grain before the last of its jobs was queued.
        added.removeAll { $0.at + Self.grain < countedAt }
        self.countedAt = countedAt
    }

    /// `jobs` more are to wait at `priority`. Admitted, they count at once, until each is `queued` or `gone`.
    ///
    /// - Parameter isFinal: Whether the count is as new as it gets.
    package mutating func admit(
        _ jobs: Int, to lane: Lane, priority: Int, at now: Duration, isFinal: Bool = false
    ) -> Verdict {
        guard let countedAt, isFinal || now - countedAt < Self.age else { return .needsCount }
        let bound = bound(of: lane)
        // Only what comes before it makes it wait.
        let levels = 0...max(0, priority)
        let before =
            levels.reduce(0) { $0 + (counts[lane]?[$1]?.waiting ?? 0) }
            + Self.sum(entering[lane], levels) + added.reduce(0) { $0 + Self.sum($1.jobs[lane], levels) }
        guard before + jobs > bound else {
            entering[lane, default: [:]][priority, default: 0] += jobs
            return .admitted
        }
        guard isFinal || now - countedAt < Self.doubt else { return .needsCount }
        let rate = counts[lane]?.values.compactMap(\.perSecond).max().flatMap { $0 > 0 ? $0 : nil }
        return .full(Full(waiting: before, bound: bound, wait: rate.map { .seconds(Double(before) / $0) }))
    }

    /// A job that was admitted is queued.
    package mutating func queued(to lane: Lane, priority: Int, at now: Duration) {
        gone(from: lane, priority: priority)
        if added.last.map({ now - $0.at >= Self.grain }) ?? true { added.append((now, [:])) }
        added[added.count - 1].jobs[lane, default: [:]][priority, default: 0] += 1
    }

    /// A job that was admitted is not queued after all.
    package mutating func gone(from lane: Lane, priority: Int) {
        entering[lane]?[priority, default: 0] -= 1
        if entering[lane]?[priority] == 0 { entering[lane]?[priority] = nil }
        if entering[lane]?.isEmpty == true { entering[lane] = nil }
    }

    private static func sum(_ jobs: [Int: Int]?, _ levels: ClosedRange<Int>) -> Int {
        jobs?.reduce(0) { levels ~= $1.key ? $0 + $1.value : $0 } ?? 0
    }

    private func bound(of lane: Lane) -> Int {
        var found = (weight: -1, waiting: Int.max)
        for bound in bounds where bound.tenant ?? lane.tenant == lane.tenant && bound.model ?? lane.model == lane.model
        {
            let weight = (bound.tenant == nil ? 0 : 2) + (bound.model == nil ? 0 : 1)
            if weight > found.weight { found = (weight, bound.waiting) }
        }
        return found.waiting
    }
}
