import Domain
import Postgres
import Queue

/// What a claim costs with a million jobs waiting against ten thousand.
package struct ClaimCostShape: Shape {
    package static let name = "claim"
    package static let abstract =
        "claim cost with 1,000,000 jobs waiting against 10,000; full share, 1% share, drained share"

    private static let batch = 10
    private static let calls = 60

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        var costs: [String: [Double]] = [:]
        var scanned = 0.0
        var fromFloor = 0.0
        var empty = 0.0
        // The two depths lie in databases side by side and are measured in turns, so that noise meets both.
        try await laboratory.withDatabase("shallow") { shallow in
            try await laboratory.withDatabase("deep") { deep in
                laboratory.say("queueing 10,000 and 1,000,000 jobs")
                try await shallow.fill(10_000)
                try await deep.fill(1_000_000)
                for share in ["{[0,10000)}", "{[0,100)}"] {
                    try await setShare(share, shallow)
                    try await setShare(share, deep)
                    let (small, large) = (try await shallow.bareWorker(), try await deep.bareWorker())
                    var (smallFloors, largeFloors) = (ClaimFloors(), ClaimFloors())
                    _ = try await claimTime(small, &smallFloors)
                    _ = try await claimTime(large, &largeFloors)
                    // A share of 1% of 10,000 holds 100 jobs: no more than 9 claims of 10.
                    let calls = share == "{[0,100)}" ? 8 : Self.calls
                    for _ in 0..<calls {
                        costs["\(share) 10000", default: []].append(try await claimTime(small, &smallFloors))
                        costs["\(share) 1000000", default: []].append(try await claimTime(large, &largeFloors))
                    }
                    if share == "{[0,100)}" {
                        laboratory.say("half of the share drained; from the floor against from the head")
                        for _ in 0..<50 { _ = try await drainSome(large, &largeFloors, 100) }
                        for _ in 0..<20 {
                            fromFloor += try await claimTime(large, &largeFloors)
                            scanned += try await headTime(large)
                        }
                        laboratory.say("the share's own part drained")
                        while try await drainSome(large, &largeFloors, 1000) > 0 {}
                        empty = try await emptyClaims(large, &largeFloors)
                    }
                    small.connection.close()
                    large.connection.close()
                }
            }
        }
        func compare(_ title: String, _ share: String) -> Measurement {
            let (small, large) = (
                middle(of: costs["\(share) 10000"] ?? []), middle(of: costs["\(share) 1000000"] ?? [])
            )
            return Measurement(
                Self.name, "claim of \(Self.batch), \(title)",
                "\(milliseconds(large)) with 1,000,000 waiting, \(milliseconds(small)) with 10,000: \(percent(large / small))",
                target: "within 20%", isMet: large <= small * 1.2,
                figures: ["deep_ms": large, "shallow_ms": small, "ratio": large / small])
        }
        return [
            compare("full share", "{[0,10000)}"), compare("1% share", "{[0,100)}"),
            Measurement(
                Self.name, "1% share half drained: from the floor against from the head",
                "\(milliseconds(fromFloor / 20)) against \(milliseconds(scanned / 20)): \((scanned / fromFloor).rounded()) times faster",
                target: "at least 10 times", isMet: scanned >= fromFloor * 10,
                figures: ["floor_ms": fromFloor / 20, "head_ms": scanned / 20, "ratio": scanned / fromFloor]),
            Measurement(
                Self.name, "empty claim of a drained 1% share among a million others",
                "\(milliseconds(empty)) on average",
                target: "under 2 ms", isMet: empty < 2, figures: ["empty_ms": empty]),
        ]
    }

    private func setShare(_ share: String, _ database: BenchDatabase) async throws {
        try await database.connection.execute(script: "select sluice.set_share('bench', '\(share)')")
    }

    /// Milliseconds of one claim, whose jobs are then finished.
    private func claimTime(_ worker: BareWorker, _ floors: inout ClaimFloors) async throws -> Double {
        let start = ContinuousClock.now
        let jobs = try await worker.claim(Self.batch, &floors, epoch: start)
        let time = (ContinuousClock.now - start).milliseconds
        try await worker.finish(jobs)
        return time
    }

    /// Milliseconds of one claim from the head.
    private func headTime(_ worker: BareWorker) async throws -> Double {
        let start = ContinuousClock.now
        let claim = try await worker.queue.claim(worker: worker.worker, limit: Self.batch)
        let time = (ContinuousClock.now - start).milliseconds
        try await worker.finish(claim.jobs)
        return time
    }

    private func drainSome(_ worker: BareWorker, _ floors: inout ClaimFloors, _ limit: Int) async throws -> Int {
        let jobs = try await worker.claim(limit, &floors, epoch: ContinuousClock.now)
        try await worker.finish(jobs)
        return jobs.count
    }

    /// The average of empty claims over five seconds, looks from the beginning among them as a worker makes them.
    private func emptyClaims(_ worker: BareWorker, _ floors: inout ClaimFloors) async throws -> Double {
        let epoch = ContinuousClock.now
        var count = 0
        while ContinuousClock.now - epoch < .seconds(5) {
            _ = try await worker.claim(Self.batch, &floors, epoch: epoch)
            count += 1
        }
        return (ContinuousClock.now - epoch).milliseconds / Double(count)
    }
}

extension Duration {
    var milliseconds: Double { Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15 }
}
