import Domain
import Fleet
import Testing

struct LimitTests {
    @Test func `the part of traffic a deployment can take is its scarcest quota's`() {
        let limits = DeploymentLimits(concurrency: 10, requestsPerMinute: 600, tokensPerMinute: 60_000)
        #expect(limits.part(requestsPerSecond: 20, tokensPerRequest: 10, latency: .seconds(1)) == 0.5)
        #expect(limits.part(requestsPerSecond: 20, tokensPerRequest: 500, latency: .seconds(1)) == 0.1)
        #expect(limits.part(requestsPerSecond: 20, tokensPerRequest: 10, latency: .seconds(5)) == 0.1)
        #expect(limits.part(requestsPerSecond: 0, tokensPerRequest: 10, latency: .seconds(5)) == nil)
        #expect(DeploymentLimits().part(requestsPerSecond: 9, tokensPerRequest: 9, latency: nil) == nil)
    }

    @Test func `a place is free when another has ended`() {
        var meter = LimitMeter(DeploymentLimits(concurrency: 2))
        for _ in 0..<2 { meter.started(tokens: 5, at: .zero) }
        #expect(meter.admission(tokens: 5, at: .zero) == .afterAnother)
        meter.ended(tokens: 5, expected: 5, at: .seconds(1))
        #expect(meter.admission(tokens: 5, at: .seconds(1)) == .now)
    }

    @Test func `what a job really used replaces what was reserved`() {
        var meter = LimitMeter(DeploymentLimits(tokensPerMinute: 1_000))
        meter.started(tokens: 900, at: .zero)
        #expect(meter.admission(tokens: 200, at: .seconds(1)) == .after(.seconds(60)))
        meter.ended(tokens: 100, expected: 900, at: .seconds(2))
        #expect(meter.admission(tokens: 200, at: .seconds(2)) == .now)
        // More than the limit is served alone.
        #expect(LimitMeter(DeploymentLimits(tokensPerMinute: 10)).admission(tokens: 50, at: .zero) == .now)
    }

    @Test func `no minute has more starts than the limit, and waits are not for nothing`() {
        for seed in 0..<120 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let limit = Int.random(in: 1...40, using: &generator)
            var meter = LimitMeter(DeploymentLimits(requestsPerMinute: limit))
            var now = Duration.zero
            var starts: [Duration] = []
            while now < .seconds(400) {
                switch meter.admission(tokens: 1, at: now) {
                case .now:
                    meter.started(tokens: 1, at: now)
                    starts.append(now)
                    now += .milliseconds(Int.random(in: 0...500, using: &generator))
                case .after(let wait):
                    #expect(wait > .zero && wait <= .seconds(61))
                    now += wait
                    let isAdmitted = meter.admission(tokens: 1, at: now) == .now
                    #expect(isAdmitted)
                case .afterAnother: Issue.record("no limit on concurrency")
                }
            }
            for (index, start) in starts.enumerated() where index + limit < starts.count {
                #expect(starts[index + limit] - start >= .seconds(60))
            }
            // It is not held back for much more than the minute either.
            #expect(starts.count >= limit * 400 / 62)
        }
    }

    @Test func `an average follows by time and not by count`() throws {
        var average = LatencyAverage(decay: .seconds(30))
        #expect(average.value == nil)
        average.record(.seconds(1), at: .zero)
        #expect(average.value == .seconds(1))
        average.record(.seconds(11), at: .seconds(30))
        let found = try #require(average.value) / .seconds(1)
        #expect((found - (1 + 10 * (1 - 0.367_879_441))).magnitude < 1e-6)
        for _ in 0..<1_000 { average.record(.seconds(99), at: .seconds(30)) }
        #expect(try #require(average.value) / .seconds(1) == found)
    }

    @Test func `only who is fully in service takes from others, and only with room to spare`() {
        let rule = SpillRule(after: .seconds(5))
        #expect(rule.minimumWait(freeSlots: 2, fraction: 1) == .seconds(5))
        #expect(rule.minimumWait(freeSlots: 0, fraction: 1) == nil)
        #expect(rule.minimumWait(freeSlots: 2, fraction: 0.5) == nil)
        #expect(SpillRule(after: nil).minimumWait(freeSlots: 2, fraction: 1) == nil)
    }
}
