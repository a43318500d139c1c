import Domain
import Postgres
import Queue

/// Chat over HTTP: through a gateway, PostgreSQL, a worker and the mock and back, every job and result on disk.
package struct HTTPShape: Shape {
    package static let name = "http"
    package static let abstract = "chat through a gateway, alone and on 64 connections; 1,000 streams, 2,000 long polls"

    private static let connections = 64
    private static let measured = Duration.seconds(8)
    private static let streams = 1_000
    private static let polls = 2_000
    private static let maximumResident = 300 << 20
    private static let path = "/v1/chat/completions"

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        try await calls(laboratory) + open(laboratory)
    }

    // MARK: Calls

    private func calls(_ laboratory: Laboratory) async throws -> [Measurement] {
        try await laboratory.withDatabase("http", slots: Int32(Self.connections)) { database in
            try await laboratory.withProcess(["worker", "--deployment", "bench"], url: database.url) {
                try await database.withGateway { gateway in try await calls(laboratory, database, gateway) }
            }
        }
    }

    private func calls(
        _ laboratory: Laboratory, _ database: BenchDatabase, _ gateway: GatewayProcess
    ) async throws -> [Measurement] {
        let load = try HTTPLoad(url: gateway.url, key: gateway.key)
        var sent = 0
        func chat(_ connections: Int, _ time: Duration) async throws -> LoadFigures {
            let figures = try await load.run(
                Self.path, body: BenchDatabase.payload, connections: connections, for: time)
            guard figures.refused == 0 else { throw BenchFailure("\(figures.refused) requests were refused") }
            sent += figures.latencies.count
            return figures
        }
        laboratory.say("warming up")
        _ = try await chat(Self.connections, .seconds(2))
        var (alone, together, bare) = (LoadFigures(), LoadFigures(), LoadFigures())
        for round in 1...laboratory.rounds {
            laboratory.say("round \(round)")
            let (one, many) = (try await chat(1, .seconds(3)), try await chat(Self.connections, Self.measured))
            let live = try await load.run("/health/live", body: nil, connections: Self.connections, for: .seconds(3))
            if alone.latencies.isEmpty || one.quantile(0.5) < alone.quantile(0.5) { alone = one }
            if together.latencies.isEmpty || many.rate > together.rate { together = many }
            if bare.latencies.isEmpty || live.rate > bare.rate { bare = live }
        }
        try await database.verify(jobs: sent)
        let resident = try gateway.residentBytes()
        let (p50, p99) = (alone.quantile(0.5), together.quantile(0.99))
        let ratio = together.rate / bare.rate
        return [
            Measurement(
                Self.name, "a call on one connection",
                "p50 \(milliseconds(p50)), p99 \(milliseconds(alone.quantile(0.99)))", target: "p50 under 5 ms",
                isMet: p50 < 5, figures: ["p50_ms": p50, "p99_ms": alone.quantile(0.99)]),
            Measurement(
                Self.name, "calls on \(Self.connections) connections",
                "\(Int(together.rate)) requests/s, p50 \(milliseconds(together.quantile(0.5))), p99 \(milliseconds(p99)); \(percent(ratio)) of /health/live (\(Int(bare.rate))/s)",
                target: "2,500 requests/s, p99 under 80 ms", isMet: together.rate >= 2_500 && p99 < 80,
                figures: [
                    "requests_per_second": together.rate, "p50_ms": together.quantile(0.5), "p99_ms": p99,
                    "live_per_second": bare.rate, "ratio": ratio, "resident_bytes": Double(resident),
                ]),
        ]
    }

    // MARK: What stays open

    private func open(_ laboratory: Laboratory) async throws -> [Measurement] {
        let mock = #"{"latency_per_token_ms": 1000, "completion_tokens": 120}"#
        return try await laboratory.withDatabase("http_open", slots: Int32(Self.streams), mock: mock) { database in
            try await laboratory.withProcess(["worker", "--deployment", "bench"], url: database.url) {
                try await database.withGateway { gateway in try await open(laboratory, database, gateway) }
            }
        }
    }

    private func open(
        _ laboratory: Laboratory, _ database: BenchDatabase, _ gateway: GatewayProcess
    ) async throws -> [Measurement] {
        let load = try HTTPLoad(url: gateway.url, key: gateway.key)
        laboratory.say("\(Self.polls) long polls")
        let first = Int64(
            try await database.number(
                "bench_later",
                """
                select min(sluice.enqueue('bench', '{}', run_at => now() + interval '1 day'))::float8
                from generate_series(1, \(Self.polls))
                """))
        let polls = try await load.open(Self.polls) { ("/api/jobs/\(first + Int64($0))?wait=300", nil) }
        laboratory.say("\(Self.streams) streams")
        let request = Array(#"{"model":"bench","stream":true,"messages":[{"role":"user","content":"Go on."}]}"#.utf8)
        let streams = try await load.open(Self.streams) { _ in (Self.path, request) }
        let giveUp = ContinuousClock.now + .seconds(60)
        while streams.contains(where: { $0.progress.pieces < 2 }) {
            guard ContinuousClock.now < giveUp else { throw BenchFailure("not every stream has begun in a minute") }
            try await Task.sleep(for: .milliseconds(100))
        }
        let (before, start) = (streams.reduce(0) { $0 + $1.progress.pieces }, ContinuousClock.now)
        try await Task.sleep(for: .seconds(10))
        let pieces = streams.reduce(0) { $0 + $1.progress.pieces } - before
        let seconds = (ContinuousClock.now - start).milliseconds / 1_000
        let ended = (polls + streams).count { $0.progress.hasEnded }
        guard ended == 0 else { throw BenchFailure("\(ended) answers ended early") }
        let resident = try gateway.residentBytes()
        for answer in polls + streams { try await answer.close() }
        let megabytes = Double(resident) / 1_048_576
        let rate = Double(pieces) / seconds
        return [
            Measurement(
                Self.name, "\(Self.streams) streams of a token a second and \(Self.polls) long polls held open",
                "\(Int(megabytes)) MB resident, \(Int(rate)) pieces/s", target: "under 300 MB",
                isMet: resident < Self.maximumResident,
                figures: ["resident_bytes": Double(resident), "pieces_per_second": rate])
        ]
    }
}
