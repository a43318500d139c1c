import Domain
import Fleet
import Testing

struct BreakerTests {
    private typealias Kind = BreakerHarness.Kind

    /// What every event does in every state, right after the state was reached.
    private static let table: [(event: String, act: @Sendable (inout BreakerHarness) -> Void, leadsTo: [Kind])] = [
        // In the order: closed, open, probing, ramping, isolated.
        ("one success", { $0.observe(ok: 1) }, [.closed, .open, .ramping, .ramping, .isolated]),
        ("one failure", { $0.observe(failed: 1) }, [.closed, .open, .open, .ramping, .isolated]),
        ("three failures", { $0.observe(failed: 3) }, [.closed, .open, .open, .open, .isolated]),
        ("four failures", { $0.observe(failed: 4) }, [.open, .open, .open, .open, .isolated]),
        (
            "callers' faults", { $0.observe(failed: 500, as: .invalidRequest) },
            [.closed, .open, .probing, .ramping, .isolated]
        ),
        (
            "lost workers", { $0.observe(failed: 500, as: .workerLost) },
            [.closed, .open, .probing, .ramping, .isolated]
        ),
        (
            "a refused credential", { $0.observe(ok: 99, failed: 1, as: .auth) },
            [.open, .open, .open, .open, .isolated]
        ),
        (
            "half refused for want of room", { $0.observe(ok: 10, failed: 10, as: .rateLimited) },
            [.closed, .open, .open, .ramping, .isolated]
        ),
        (
            "most refused for want of room", { $0.observe(ok: 9, failed: 11, as: .overloaded) },
            [.open, .open, .open, .open, .isolated]
        ),
        ("a step's worth of successes", { $0.observe(ok: 100) }, [.closed, .open, .ramping, .ramping, .isolated]),
        ("a failed probe", { $0.handle(.probed(succeeded: false)) }, [.closed, .open, .probing, .ramping, .isolated]),
        ("a good probe", { $0.handle(.probed(succeeded: true)) }, [.closed, .open, .probing, .ramping, .isolated]),
        ("sickness", { $0.handle(.judgedSick(reason: "x")) }, [.open, .open, .probing, .open, .isolated]),
        ("a tick", { $0.handle(.ticked) }, [.closed, .open, .probing, .ramping, .isolated]),
        ("an hour", { $0.pass(.seconds(3_600)) }, [.closed, .probing, .probing, .ramping, .isolated]),
        (
            "isolation", { $0.handle(.isolationRequested(reason: "x")) },
            [.isolated, .isolated, .isolated, .isolated, .isolated]
        ),
        (
            "restoring by the ramp", { $0.handle(.restoreRequested(byRamp: true)) },
            [.closed, .ramping, .ramping, .ramping, .ramping]
        ),
        (
            "restoring at once", { $0.handle(.restoreRequested(byRamp: false)) },
            [.closed, .closed, .closed, .closed, .closed]
        ),
    ]

    @Test(arguments: table.indices)
    func `every event in every state`(row: Int) {
        let (event, act, leadsTo) = Self.table[row]
        for (start, end) in zip(Kind.allCases, leadsTo) {
            var harness = BreakerHarness()
            harness.reach(start)
            #expect(harness.kind == start)
            act(&harness)
            #expect(harness.kind == end, "\(event) while \(start)")
        }
    }

    @Test func `the fourth failure in a row opens, over whatever batches`() {
        var harness = BreakerHarness()
        harness.observe(ok: 1_000, failed: 2)
        let third = harness.observe(failed: 1)
        let fourth = harness.observe(failed: 1)
        #expect(third.isEmpty && fourth.map(\.reason) == ["4 failures in a row"])
        #expect(harness.breaker.fraction == 0 && !harness.breaker.wantsOneJob)
    }

    @Test func `more than a tenth of errors in the window opens, not from a few`() {
        for (ok, failed, opens) in [(18, 2, false), (17, 2, false), (17, 3, true), (180, 20, false), (179, 21, true)] {
            var harness = BreakerHarness()
            for index in 0..<failed { harness.observe(ok: ok / failed + (index < ok % failed ? 1 : 0), failed: 1) }
            #expect((harness.kind == .open) == opens, "\(failed) of \(ok + failed)")
        }
    }

    @Test func `errors older than the window are forgotten`() {
        var harness = BreakerHarness()
        for _ in 0..<20 {
            harness.observe(ok: 3, failed: 1)
            if harness.kind == .open { break }
            harness.pass(.seconds(15))
        }
        #expect(harness.kind == .closed)
    }

    @Test func `it comes back by one job and every step`() {
        var harness = BreakerHarness()
        harness.reach(.probing)
        #expect(harness.breaker.wantsOneJob && harness.breaker.fraction == 0)
        let first = harness.observe(ok: 1)
        #expect(first.map(\.to) == [.ramping(percent: 1)])
        #expect(!harness.breaker.wantsOneJob && harness.breaker.fraction == 0.01)
        var steps: [Breaker.State] = []
        for _ in 0..<6 {
            harness.now += .seconds(10)
            let transitions = harness.observe(ok: 212, seconds: 1.7)
            steps += transitions.map(\.to)
            #expect(transitions.map(\.reason) == ["212 ok of 212, p95 1.8 s under 3 s"])
        }
        #expect(steps == [5, 10, 25, 50, 100].map { .ramping(percent: $0) } + [.closed])
        #expect(harness.breaker.fraction == 1)
    }

    @Test func `a relapse opens again for twice the time`() throws {
        var harness = BreakerHarness()
        harness.reach(.probing)
        harness.observe(ok: 1)
        _ = harness.climb(to: 25)
        let relapse = harness.observe(ok: 10, failed: 4)
        #expect(relapse.map(\.reason) == ["relapse at 25%: 4 failures in a row"])
        #expect(relapse.map(\.from) == [.ramping(percent: 25)])
        let open = try #require(harness.end) - harness.now
        #expect(open >= .seconds(60) && open <= .seconds(72))
    }

    @Test func `open times double to the cap, with jitter, and are forgiven one by one`() throws {
        var seen: Set<Duration> = []
        for seed in 0..<300 {
            var harness = BreakerHarness(seed: UInt64(seed))
            harness.observe(failed: 4)
            for expected in [30, 60, 120, 240, 250, 250, 250] {
                let open = try #require(harness.end) - harness.now
                #expect(open >= .seconds(expected) && open <= .seconds(min(300, Double(expected) * 1.2)))
                seen.insert(open)
                harness.waitUntilProbing()
                harness.observe(failed: 1)
            }
        }
        #expect(seen.count > 2_000)

        var harness = BreakerHarness()
        harness.reach(.probing)
        harness.observe(failed: 1)
        harness.waitUntilProbing()
        harness.observe(ok: 1)
        _ = harness.climb(to: 100)
        harness.now += .seconds(10)
        harness.observe(ok: 50)
        #expect(harness.kind == .closed && harness.breaker.openings == 2)
        harness.pass(.seconds(299))
        #expect(harness.breaker.openings == 2)
        harness.pass(.seconds(301))
        #expect(harness.breaker.openings == 0)
        harness.observe(failed: 4)
        #expect(try #require(harness.end) - harness.now < .seconds(37))
    }

    @Test func `the rest an upstream asks for is the least, up to an hour`() throws {
        for (asked, least) in [(5, 30), (200, 200), (1_000_000, 3_600)] {
            var harness = BreakerHarness()
            harness.observe(ok: 5, failed: 20, as: .rateLimited, retryAfter: .seconds(asked))
            let open = try #require(harness.end) - harness.now
            #expect(open >= .seconds(least) && open <= max(.seconds(least), .seconds(36)))
        }
    }

    @Test func `another controller goes on where the last one was`() {
        var generator = SeededGenerator(seed: 1)
        var ramping = Breaker(BreakerPolicy(), state: .ramping(percent: 25), openings: 2, at: .seconds(9))
        #expect(ramping.fraction == 0.25 && ramping.openings == 2)
        let next = ramping.handle(.observed(.of(ok: 60), latencyLimit: nil), at: .seconds(20), using: &generator)
        #expect(next.map(\.to) == [.ramping(percent: 50)])
        var open = Breaker(BreakerPolicy(), state: .open(until: .seconds(50)), openings: 1, at: .seconds(9))
        let early = open.handle(.ticked, at: .seconds(49), using: &generator)
        let due = open.handle(.ticked, at: .seconds(50), using: &generator)
        #expect(early.isEmpty && due.map(\.to) == [.probing])
        // A percentage that the policy has no more falls to the step below.
        #expect(Breaker(BreakerPolicy(), state: .ramping(percent: 30)).state == .ramping(percent: 25))
    }
}
