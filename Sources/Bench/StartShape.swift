import Domain
import Postgres
import Queue

/// How soon a job that is enqueued in a transaction of its own starts when the queue is idle.
package struct StartShape: Shape {
    package static let name = "start"
    package static let abstract = "enqueue to start on an idle queue"

    private static let count = 500

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        try await laboratory.withDatabase("start", slots: 8, mock: #"{"stamps": true}"#) { database in
            try await laboratory.withProcess(["worker", "--deployment", "bench"], url: database.url) {
                for index in 0..<Self.count {
                    let job = try await database.queue.enqueue(
                        JobRequest(model: "bench", payload: BenchDatabase.payload))
                    var isDone = false
                    while !isDone {
                        isDone = try await database.queue.status(of: [job]).first?.state.isTerminal ?? false
                        if !isDone { try await Task.sleep(for: .milliseconds(1)) }
                    }
                    // At moments that have nothing to do with the worker's own rhythm.
                    try await Task.sleep(for: .milliseconds(5 + index % 37))
                }
            }
            // The backend says itself when it had the job: the clock is the same machine's.
            func quantiles(_ name: String, _ moment: String) async throws -> (p50: Double, p99: Double) {
                func quantile(_ part: Double) async throws -> Double {
                    try await database.number(
                        "bench_start_\(part)_\(name)",
                        """
                        select percentile_cont(\(part)) within group (order by
                            (\(moment) - extract(epoch from j.created_at)) * 1000)::float8
                        from sluice.result r join sluice.job j using (id)
                        """)
                }
                return (try await quantile(0.5), try await quantile(0.99))
            }
            let started = try await quantiles("started", "(r.body->>'sent_us')::float8 / 1000000")
            let leased = try await quantiles("leased", "extract(epoch from r.started_at)")
            let ended = try await quantiles("ended", "extract(epoch from r.finished_at)")
            func text(_ moment: (p50: Double, p99: Double)) -> String {
                "p50 \(milliseconds(moment.p50)), p99 \(milliseconds(moment.p99))"
            }
            return [
                Measurement(
                    Self.name, "from the enqueue to the backend's own word that it has the job",
                    "\(text(started)); leased: \(text(leased)); result stored: \(text(ended))",
                    target: "p50 under 3 ms, p99 under 10 ms", isMet: started.p50 < 3 && started.p99 < 10,
                    figures: [
                        "p50_ms": started.p50, "p99_ms": started.p99, "leased_p50_ms": leased.p50,
                        "leased_p99_ms": leased.p99, "ended_p50_ms": ended.p50, "ended_p99_ms": ended.p99,
                    ])
            ]
        }
    }
}

func milliseconds(_ value: Double) -> String { "\((value * 100).rounded() / 100) ms" }
