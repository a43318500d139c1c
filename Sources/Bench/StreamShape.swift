import Domain
import FoundationEssentials
import Glibc
import Postgres
import Queue

/// Many streams of one worker at once: whether their pieces are there in time.
package struct StreamShape: Shape {
    package static let name = "stream"
    package static let abstract = "200 streams of 50 tokens/s through a worker: how late pieces are stored, and read"

    private static let streams = 200
    private static let tokens = 500
    private static let tokenMilliseconds = 20
    /// Streams that are read as the gateway reads them; the others are only written.
    private static let readers = 20

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        let mock = """
            {"latency_per_token_ms": \(Self.tokenMilliseconds), "completion_tokens": \(Self.tokens), "stamps": true}
            """
        return try await laboratory.withDatabase("stream", slots: Int32(Self.streams), mock: mock) { database in
            laboratory.say("\(Self.streams) streams of \(Self.tokens) tokens, one every \(Self.tokenMilliseconds) ms")
            // When a statement stored its last piece, by the database's clock: it commits then.
            try await database.connection.execute(
                script: "alter table sluice.chunk add column stored_at timestamptz default clock_timestamp()")
            var jobs: [Int64] = []
            for _ in 0..<Self.streams {
                var request = JobRequest(
                    model: "bench", payload: Array(#"{"messages":[{"role":"user","content":"Go on."}]}"#.utf8))
                request.isStreaming = true
                jobs.append(try await database.queue.enqueue(request))
            }
            let (listener, reader) = (
                try await laboratory.connect(database.url), try await laboratory.connect(database.url)
            )
            let sampled = Array(jobs.prefix(Self.readers))
            let read = try await laboratory.withProcess(["worker", "--deployment", "bench"], url: database.url) {
                let delays = try await Self.read(sampled, on: reader, woken: listener)
                try await database.waitForResults(Self.streams)
                return delays
            }
            listener.close()
            reader.close()
            try await database.verify(jobs: Self.streams)
            let pieces = try await database.number("bench_pieces", "select count(*)::float8 from sluice.chunk")
            let ideal = Double(Self.tokens * Self.tokenMilliseconds)
            let slowest = try await database.number(
                "bench_slowest",
                "select (extract(epoch from max(finished_at - started_at)) * 1000)::float8 from sluice.result")
            let stored = (try await Self.stored(database, 0.5), try await Self.stored(database, 0.99))
            let (p50, p99) = (read[read.count / 2], read[read.count * 99 / 100])
            return [
                Measurement(
                    Self.name, "from the backend's word to the database, \(Int(pieces)) pieces",
                    "p50 \(milliseconds(stored.0)), p99 \(milliseconds(stored.1))",
                    target: "p99 at most 30 ms", isMet: stored.1 <= 30,
                    figures: ["stored_p50_ms": stored.0, "stored_p99_ms": stored.1]),
                Measurement(
                    Self.name, "from the backend's word to a reader's hands, \(read.count) pieces",
                    "p50 \(milliseconds(p50)), p99 \(milliseconds(p99))",
                    figures: ["p50_ms": p50, "p99_ms": p99]),
                Measurement(
                    Self.name, "the slowest stream, against its own \(Int(ideal)) ms",
                    "\(percent(slowest / ideal))", target: "at most 105%", isMet: slowest / ideal <= 1.05,
                    figures: ["slowest_ms": slowest, "ideal_ms": ideal]),
            ]
        }
    }

    /// That part of the pieces was stored no later than the milliseconds returned, after it was sent.
    private static func stored(_ database: BenchDatabase, _ part: Double) async throws -> Double {
        try await database.number(
            "bench_stored_\(Int(part * 100))",
            """
            select percentile_cont(\(part)) within group (order by late) from (
                select extract(epoch from max(c.stored_at) over (partition by c.xmin::text)) * 1000
                    - (c.body->>'sent_ms')::float8 as late
                from sluice.chunk c) pieces
            where late is not null
            """)
    }

    private struct Stamp: Decodable { var sent_ms: Double? }

    /// Reads every piece of `jobs` when it is announced, and returns how many milliseconds after it was sent, sorted.
    private static func read(
        _ jobs: [Int64], on reader: Connection, woken listener: Connection
    ) async throws -> [Double] {
        let queue = Queue(reader)
        try await listener.listen(Queue.chunkChannel)
        try await queue.announceWaiting(results: false, chunks: true, for: .seconds(600))
        var places = Dictionary(uniqueKeysWithValues: jobs.map { ($0, ChunkPlace.start) })
        var delays: [Double] = []
        for await notification in listener.notifications {
            let named = Set(notification.payload.split(separator: " ").compactMap { Int64($0) })
            // Those that are named at once are asked for at once, as other processes would.
            let pages = try await withThrowingTaskGroup(of: (Int64, ChunkPage, Double).self) { group in
                for (job, place) in places where named.isEmpty || named.contains(job) {
                    group.addTask { (job, try await queue.readChunks(of: job, after: place), now()) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for (job, page, time) in pages {
                for chunk in page.chunks {
                    places[job] = chunk.place
                    // The last piece, which only says that it is the last, has no stamp.
                    let sent = try JSONDecoder().decode(Stamp.self, from: Data(chunk.body)).sent_ms
                    if let sent { delays.append(time - sent) } else { places[job] = nil }
                }
            }
            if places.isEmpty { break }
        }
        guard delays.count == jobs.count * tokens else {
            throw BenchFailure("\(delays.count) of \(jobs.count * tokens) pieces were read")
        }
        return delays.sorted()
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) * 1_000 + Double(time.tv_nsec) / 1_000_000
    }
}
