import Admission
import Testing

/// What becomes of jobs at each age of the count.
struct DepthGaugeTests {
    private static let lane = DepthGauge.Lane(tenant: "t", model: "m")

    private func gauge(
        waiting: Int, priority: Int = 2, perSecond: Double? = 10, bound: Int = 10, age: Duration = .zero
    ) -> DepthGauge {
        var gauge = DepthGauge()
        gauge.counted(
            [.init(lane: Self.lane, priority: priority, waiting: waiting, perSecond: perSecond)],
            [.init(waiting: bound)], age: age, at: .seconds(10))
        return gauge
    }

    private func admit(
        _ gauge: inout DepthGauge, at now: Duration = .seconds(10), priority: Int = 2, isFinal: Bool = false
    ) -> DepthGauge.Verdict {
        gauge.admit(1, to: Self.lane, priority: priority, at: now, isFinal: isFinal)
    }

    @Test func `without a count there is nothing to say`() {
        var gauge = DepthGauge()
        #expect(admit(&gauge) == .needsCount)
    }

    @Test func `what was let in since the count is counted`() {
        var gauge = gauge(waiting: 8)
        let verdicts = (0..<3).map { _ in admit(&gauge) }
        let full = DepthGauge.Full(waiting: 10, bound: 10, wait: .seconds(1))
        #expect(verdicts == [.admitted, .admitted, .full(full)])
    }

    @Test func `an old count lets nobody in, and a count of a tenth of a second turns nobody away`() {
        var room = gauge(waiting: 0)
        #expect(admit(&room, at: .milliseconds(10_900)) == .admitted)
        #expect(admit(&room, at: .milliseconds(11_000)) == .needsCount)
        var none = gauge(waiting: 10)
        #expect(admit(&none, at: .milliseconds(10_099)) != .needsCount)
        #expect(admit(&none, at: .milliseconds(10_100)) == .needsCount)
        #expect(admit(&none, at: .milliseconds(10_100), isFinal: true) != .needsCount)
    }

    @Test func `no count has seen a job that is not queued yet`() {
        var gauge = gauge(waiting: 9)
        #expect(admit(&gauge) == .admitted)
        let count = DepthGauge.Count(lane: Self.lane, priority: 2, waiting: 9, perSecond: nil)
        gauge.counted([count], [.init(waiting: 10)], age: .zero, at: .seconds(20))
        #expect(admit(&gauge, at: .seconds(20)) != .admitted)
        gauge.gone(from: Self.lane, priority: 2)
        #expect(admit(&gauge, at: .seconds(20)) == .admitted)
    }

    @Test func `a count from before what was let in does not forget it`() {
        var gauge = gauge(waiting: 9)
        #expect(admit(&gauge, at: .milliseconds(10_010)) == .admitted)
        gauge.queued(to: Self.lane, priority: 2, at: .milliseconds(10_010))
        // Somebody else's count, taken at 10.000.
        gauge.counted(
            [.init(lane: Self.lane, priority: 2, waiting: 9, perSecond: nil)], [.init(waiting: 10)],
            age: .milliseconds(20), at: .milliseconds(10_020))
        #expect(admit(&gauge, at: .milliseconds(10_030)) == .full(.init(waiting: 10, bound: 10, wait: nil)))
        // One taken afterwards has it.
        gauge.counted(
            [.init(lane: Self.lane, priority: 2, waiting: 9, perSecond: nil)], [.init(waiting: 10)], age: .zero,
            at: .milliseconds(10_120))
        #expect(admit(&gauge, at: .milliseconds(10_130)) == .admitted)
    }

    @Test func `only what comes first makes a job wait`() {
        var gauge = gauge(waiting: 100, priority: 3)
        #expect(admit(&gauge, priority: 0) == .admitted)
        #expect(admit(&gauge, priority: 3) != .admitted)
    }

    @Test(arguments: [
        ([DepthGauge.Bound(waiting: 5)], 5), ([.init(waiting: 5), .init(model: "m", waiting: 3)], 3),
        ([.init(waiting: 5), .init(model: "m", waiting: 3), .init(tenant: "t", waiting: 4)], 4),
        ([.init(tenant: "t", model: "m", waiting: 2), .init(tenant: "t", waiting: 4)], 2),
        ([.init(waiting: 5), .init(model: "other", waiting: 0), .init(tenant: "other", waiting: 0)], 5),
    ])
    func `the most specific bound counts`(bounds: [DepthGauge.Bound], expected: Int) {
        var gauge = DepthGauge()
        gauge.counted([], bounds, age: .zero, at: .seconds(10))
        var admitted = 0
        while admit(&gauge) == .admitted, admitted < 100 { admitted += 1 }
        #expect(admitted == expected)
    }
}
