import Domain
import Postgres
import Queue

/// A database under measurement.
struct BenchDatabase: Sendable {
    let url: String
    let connection: Connection
    let queue: Queue
    let laboratory: Laboratory

    /// A request of about 300 bytes.
    static let payload = Array(
        (#"{"model":"bench","max_tokens":32,"messages":[{"role":"user","content":""#
            + String(repeating: "Say in one sentence what a sluice is good for. ", count: 4) + #""}]}"#).utf8)

    /// An answer of about 200 bytes.
    static let answer = Array(
        (#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":""#
            + String(repeating: "It holds water back. ", count: 4) + #""}}]}"#).utf8)

    /// Queues `count` jobs.
    func fill(_ count: Int, tenant: String = "default") async throws {
        var left = count
        while left > 0 {
            let size = min(left, 5000)
            _ = try await queue.enqueue(
                model: "bench", payloads: Array(repeating: Self.payload, count: size), tenant: tenant)
            left -= size
        }
    }

    /// One number from the database.
    func number(_ name: String, _ sql: String) async throws -> Double {
        guard let row = try await connection.query(Statement(name, sql)).first else { return .nan }
        let value: Double? = try row.decode(0)
        return value ?? .nan
    }

    /// A connection that claims and finishes with nothing between.
    func bareWorker() async throws -> BareWorker {
        let connection = try await laboratory.connect(url)
        let queue = Queue(connection)
        let registration = try await queue.workerStarted(deployment: "bench", host: "bench", processID: 0, direct: true)
        return BareWorker(connection: connection, queue: queue, worker: registration.worker)
    }

    /// Waits until `count` jobs have ended.
    ///
    /// - Throws: `BenchFailure` when none has ended for a minute.
    func waitForResults(_ count: Int) async throws {
        // Counting costs the server something: look when it can be over, not always.
        var pause = Duration.milliseconds(200)
        var (seen, since) = (-1.0, ContinuousClock.now)
        while true {
            let ended = try await number("bench_results", "select count(*)::float8 from sluice.result")
            if Int(ended) >= count { return }
            if ended > seen { (seen, since) = (ended, .now) }
            guard ContinuousClock.now - since < .seconds(60) else {
                throw BenchFailure("only \(Int(ended)) of \(count) jobs have ended, none of them in the last minute")
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 1.2, .milliseconds(500))
        }
    }

    /// Seconds from the first claim to the last result.
    func drainSeconds() async throws -> Double {
        try await number(
            "bench_drain",
            "select extract(epoch from max(finished_at) - min(started_at))::float8 from sluice.result")
    }

    /// Fails when a job was lost or answered twice.
    func verify(jobs: Int) async throws {
        for (invariant, violations) in try await queue.invariantViolations() where violations > 0 {
            throw BenchFailure("\(violations) violations: \(invariant)")
        }
        let results = try await number(
            "bench_count", "select count(*)::float8 from sluice.result where state = 'succeeded'")
        guard Int(results) == jobs else { throw BenchFailure("\(Int(results)) of \(jobs) jobs were answered") }
    }
}

/// A benchmark whose result would be worthless.
package struct BenchFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Claims and finishes on a connection of its own.
struct BareWorker: Sendable {
    let connection: Connection
    let queue: Queue
    let worker: Int64

    /// Claims `limit` and finishes them, until nothing comes. Returns how many.
    func drain(batch limit: Int) async throws -> Int {
        var floors = ClaimFloors()
        var count = 0
        let epoch = ContinuousClock.now
        while true {
            let jobs = try await claim(limit, &floors, epoch: epoch)
            if jobs.isEmpty {
                // Nothing where it looked: look through everything before saying so.
                floors.forgotten()
                if try await claim(limit, &floors, epoch: epoch).isEmpty { return count }
                continue
            }
            try await finish(jobs)
            count += jobs.count
        }
    }

    /// One claim from `floors`, which it moves on.
    func claim(_ limit: Int, _ floors: inout ClaimFloors, epoch: ContinuousClock.Instant) async throws -> [ClaimedJob] {
        let began = ContinuousClock.now - epoch
        let range = floors.forClaim(at: began)
        let claim = try await queue.claim(worker: worker, limit: limit, range: range)
        floors.claimReturned(
            range, keys: claim.largestKeys, reachedEnd: claim.jobs.count < limit, emptyFloors: claim.emptyFloors,
            share: claim.share,
            began: began, now: ContinuousClock.now - epoch)
        return claim.jobs
    }

    func finish(_ jobs: [ClaimedJob]) async throws {
        _ = try await queue.finish(
            worker: worker,
            jobs.map {
                AttemptResult(
                    job: $0.id, attempt: $0.attempt, outcome: .succeeded, body: BenchDatabase.answer,
                    usage: Usage(promptTokens: 40, completionTokens: 20))
            })
    }
}
