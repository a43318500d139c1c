import Domain
import FoundationEssentials
import Glibc
import Postgres
import Queue

/// Many streams of one worker at once: whether their pieces are there in time.
package struct StreamShape: Shape {
    package static let name = "stream"
    package static let abstract = "200 streams of 50 tokens/s through one worker: how late a reader has their pieces"

    private static let streams = 200
    private static let tokens = 500
    private static let tokenMilliseconds = 20
    /// Streams that are read; the others are only written.
    private static let readers = 20

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        let mock = """
            {"latency_per_token_ms": \(Self.tokenMilliseconds), "completion_tokens": \(Self.tokens), "stamps": true}
            """
        return try await laboratory.withDatabase("stream", slots: Int32(Self.streams), mock: mock) { database in
            laboratory.say("\(Self.streams) streams of \(Self.tokens) tokens, one every \(Self.tokenMilliseconds) ms")
            var jobs: [Int64] = []
            for _ in 0..<Self.streams {
                var request = JobRequest(
                    model: "bench", payload: Array(#"{"messages":[{"role":"user","content":"Go on."}]}"#.utf8))
                request.isStreaming = true
                jobs.append(try await database.queue.enqueue(request))
            }
            let reader = try await laboratory.connect(database.url)
            let sampled = Array(jobs.prefix(Self.readers))
            let delays = try await laboratory.withProcess(["worker", "--deployment", "bench"], url: database.url) {
                let delays = try await Self.read(sampled, on: reader)
                try await database.waitForResults(Self.streams)
                return delays
            }
            reader.close()
            try await database.verify(jobs: Self.streams)
            let pieces = try await database.number("bench_pieces", "select count(*)::float8 from sluice.chunk")
            let ideal = Double(Self.tokens * Self.tokenMilliseconds)
            let slowest = try await database.number(
                "bench_slowest",
                "select (extract(epoch from max(finished_at - started_at)) * 1000)::float8 from sluice.result")
            let (p50, p99) = (delays[delays.count / 2], delays[delays.count * 99 / 100])
            return [
                Measurement(
                    Self.name, "from the backend's word to a reader's hands, \(Int(pieces)) pieces",
                    "p50 \(milliseconds(p50)), p99 \(milliseconds(p99))",
                    target: "p99 under 30 ms", isMet: p99 < 30, figures: ["p50_ms": p50, "p99_ms": p99]),
                Measurement(
                    Self.name, "the slowest stream, against its own \(Int(ideal)) ms",
                    "\(percent(slowest / ideal))", target: "at most 105%", isMet: slowest / ideal <= 1.05,
                    figures: ["slowest_ms": slowest, "ideal_ms": ideal]),
            ]
        }
    }

    private struct Stamp: Decodable { var sent_ms: Double? }

    /// Reads every piece of `jobs`, looking every few milliseconds, and returns how many milliseconds after it was sent, sorted.
    private static func read(_ jobs: [Int64], on reader: Connection) async throws -> [Double] {
        let queue = Queue(reader)
        var places = Dictionary(uniqueKeysWithValues: jobs.map { ($0, ChunkPlace.start) })
        var delays: [Double] = []
        while !places.isEmpty {
            for (job, place) in places {
                let page = try await queue.readChunks(of: job, after: place)
                let now = Self.now()
                for chunk in page.chunks {
                    places[job] = chunk.place
                    // The last piece, which only says that it is the last, has no stamp.
                    let sent = try JSONDecoder().decode(Stamp.self, from: Data(chunk.body)).sent_ms
                    if let sent { delays.append(now - sent) }
                }
                if page.isEnd { places[job] = nil }
            }
            try await Task.sleep(for: .milliseconds(3))
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
