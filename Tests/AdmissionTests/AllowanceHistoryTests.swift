import Admission
import Testing

/// Random histories of several gateways that share the buckets of one limit: whatever comes in whatever order, they never
/// let in more than they may.
struct AllowanceHistoryTests {
    private struct World {
        let limits: RateLimits
        var gateways: [Allowance]
        var buckets: CentralBuckets
        var generator: SeededGenerator
        var now = Duration.zero
        var admitted: [(at: Duration, requests: Int)] = []
        var running: [[Int]]
        var waiting: [[RateCost]]

        init(seed: UInt64) {
            generator = SeededGenerator(seed: seed)
            limits = RateLimits(
                requestsPerMinute: Int.random(in: 1...600, using: &generator),
                tokensPerMinute: Int.random(in: 100...10_000, using: &generator),
                concurrency: Int.random(in: 1...40, using: &generator))
            let count = Int.random(in: 1...4, using: &generator)
            gateways = Array(repeating: Allowance(limits), count: count)
            buckets = CentralBuckets(limits)
            running = Array(repeating: [], count: count)
            waiting = Array(repeating: [], count: count)
        }

        mutating func step() {
            now += .milliseconds(Int.random(in: 0...40, using: &generator))
            let gateway = Int.random(in: gateways.indices, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                let cost = RateCost(requests: 1, tokens: Int.random(in: 0...20, using: &generator), slots: 1)
                settle(gateway, cost, gateways[gateway].asks(for: cost, at: now))
            case 6..<8:
                guard !running[gateway].isEmpty else { return }
                let tokens = running[gateway].removeFirst()
                let used = Int.random(in: 0...30, using: &generator)
                gateways[gateway].ended(slots: 1, surplus: tokens - used, at: now)
            default: exchange(gateway)
            }
        }

        private mutating func exchange(_ gateway: Int) {
            guard let ask = gateways[gateway].ask(at: now) else { return }
            let grant = buckets.answer(ask, of: gateway, at: now)
            // Now and then the answer is lost: what was granted is then gone, never doubled.
            if Int.random(in: 0..<20, using: &generator) == 0 {
                gateways[gateway].failed()
                for cost in waiting[gateway] { gateways[gateway].withdrawn(cost) }
                waiting[gateway] = []
                return
            }
            gateways[gateway].granted(grant, at: now)
            let costs = waiting[gateway]
            waiting[gateway] = []
            for cost in costs { settle(gateway, cost, gateways[gateway].decides(cost, at: now)) }
        }

        private mutating func settle(_ gateway: Int, _ cost: RateCost, _ verdict: Allowance.Verdict) {
            switch verdict {
            case .admitted:
                admitted.append((now, cost.requests))
                running[gateway].append(cost.tokens)
            case .waits: waiting[gateway].append(cost)
            case .refused: break
            }
        }

        /// The largest number of requests of any time beyond what the limit gives for it.
        func overshoot() -> Double {
            let rate = Double(limits.requestsPerMinute ?? 0) / 60
            var worst = 0.0
            for start in stride(from: 0, to: admitted.count, by: 7) {
                var count = 0
                for end in start..<admitted.count {
                    count += admitted[end].requests
                    let time = (admitted[end].at - admitted[start].at).inSeconds
                    worst = max(worst, Double(count) - rate * time - Double(limits.requestsPerMinute ?? 0))
                }
            }
            return worst
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `the sum of gateways keeps to the limits`(seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<2_000 {
            world.step()
            let running = world.running.reduce(0) { $0 + $1.count }
            #expect(running <= world.limits.concurrency ?? 0, "\(world.limits) at \(world.now)")
            for gateway in world.gateways.indices {
                #expect(world.gateways[gateway].running == world.running[gateway].count)
                #expect(world.gateways[gateway].held.requests >= 0)
            }
        }
        // Each gateway holds less than a second's worth and what it was to give back when an ask failed.
        let batch = Double(Allowance.batch(world.limits.requestsPerMinute ?? 0))
        #expect(world.overshoot() <= Double(world.gateways.count) * (batch + 1))
        #expect(world.admitted.count > 0)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `who comes back when told is let in, if nobody else came`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var desk = AllowanceTests.Desk(RateLimits(requestsPerMinute: Int.random(in: 1...100, using: &generator)))
        let one = RateCost(requests: 1)
        var refusals = 0
        while refusals < 20 {
            guard case .refused(let refusal) = desk.request(one) else { continue }
            refusals += 1
            desk.now += refusal.retryAfter ?? .zero
            // Times are told to the microsecond.
            desk.now += .microseconds(1)
            let verdict = desk.request(one)
            #expect(verdict == .admitted)
        }
    }
}
