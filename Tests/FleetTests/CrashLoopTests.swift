import Fleet
import Testing

struct CrashLoopTests {
    private var loop = CrashLoop(RestartPolicy())
    private var generator = SeededGenerator(seed: 1)

    private mutating func ended(
        at seconds: Double, loading: Double = 0, ran: Double = 0, width: Int = 1, isConfigurationFault: Bool = false
    ) -> CrashLoop.Decision {
        loop.ended(
            at: .seconds(seconds), loading: .seconds(loading), ran: .seconds(ran), width: width,
            isConfigurationFault: isConfigurationFault, cause: "boom", using: &generator)
    }

    private func pause(_ decision: CrashLoop.Decision, after seconds: Double) -> Duration? {
        if case .restart(let time) = decision { time - .seconds(seconds) } else { nil }
    }

    private func hold(_ decision: CrashLoop.Decision, after seconds: Double) -> Duration? {
        if case .hold(let time, _) = decision { time - .seconds(seconds) } else { nil }
    }

    @Test mutating func `the first restart is immediate and pauses double after it`() throws {
        #expect(ended(at: 1) == .restart(at: .seconds(1)))
        for (end, most) in [(2.0, 0.2), (3, 0.4), (4, 0.8)] {
            let found = try #require(pause(ended(at: end), after: end))
            #expect(found >= .seconds(most / 2) && found <= .seconds(most))
        }
    }

    @Test mutating func `the fifth end within a minute is a loop, held ever longer`() throws {
        var start = 0.0
        for seconds in [60, 120, 240, 480, 600, 600] {
            for end in 0..<4 { #expect(pause(ended(at: start + Double(end)), after: start) != nil) }
            let decision = ended(at: start + 4)
            #expect(hold(decision, after: start + 4) == .seconds(seconds))
            guard case .hold(_, let reason) = decision else { return }
            #expect(reason.contains("5 ends within 60.0 seconds") && reason.contains("boom"))
            start += 700
        }
    }

    @Test mutating func `ends further apart are no loop`() {
        for end in 0..<100 { #expect(pause(ended(at: Double(end) * 15.1), after: Double(end)) != nil) }
    }

    @Test(arguments: [1, 8]) mutating func `time spent loading makes no crash loop look like single mishaps`(width: Int)
    {
        // Each worker loads for 100 seconds and runs for 1: five rounds of that are a loop.
        for end in 0..<(5 * width - 1) {
            #expect(hold(ended(at: Double(end / width) * 101, loading: 100, ran: 1, width: width), after: 0) == nil)
        }
        #expect(hold(ended(at: 404, loading: 100, ran: 1, width: width), after: 404) == .seconds(60))
        // Who runs for 50 is in none, whatever the loading.
        loop = CrashLoop(RestartPolicy())
        for end in 0..<(20 * width) {
            let decision = ended(at: Double(end / width) * 150, loading: 100, ran: 50, width: width)
            #expect(hold(decision, after: 0) == nil)
        }
    }

    @Test mutating func `a long run forgets everything before it`() {
        for end in 0..<5 { _ = ended(at: Double(end)) }
        #expect(ended(at: 200, ran: 60) == .restart(at: .seconds(200)))
        for end in 0..<3 { #expect(pause(ended(at: 201 + Double(end)), after: 0) != nil) }
        #expect(hold(ended(at: 205), after: 205) == .seconds(60))
    }

    @Test mutating func `each of many workers may end as often as one`() {
        for end in 0..<8 { #expect(ended(at: Double(end), width: 8) == .restart(at: .seconds(Double(end)))) }
        for end in 8..<39 { #expect(hold(ended(at: Double(end), width: 8), after: 0) == nil) }
        #expect(hold(ended(at: 39, width: 8), after: 39) == .seconds(60))
    }

    @Test mutating func `what cannot start as configured is held at once`() {
        #expect(hold(ended(at: 3, isConfigurationFault: true), after: 3) == .seconds(60))
    }
}
