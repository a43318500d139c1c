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
        try await laboratory.withDatabase("start", slots: 8) { database in
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
            func quantile(_ part: Double, _ column: String) async throws -> Double {
                try await database.number(
                    "bench_start_\(part)_\(column)",
                    """
                    select percentile_cont(\(part)) within group (order by
                        extract(epoch from r.\(column) - j.created_at) * 1000)::float8
                    from sluice.result r join sluice.job j using (id)
                    """)
            }
            let (p50, p99) = (try await quantile(0.5, "finished_at"), try await quantile(0.99, "finished_at"))
            let (claimed50, claimed99) = (try await quantile(0.5, "started_at"), try await quantile(0.99, "started_at"))
            return [
                Measurement(
                    Self.name, "from the enqueue to the worker's word that the job has run (so: started before)",
                    "p50 \(milliseconds(p50)), p99 \(milliseconds(p99)); leased: p50 \(milliseconds(claimed50)), p99 \(milliseconds(claimed99))",
                    target: "p50 under 3 ms, p99 under 10 ms", isMet: p50 < 3 && p99 < 10,
                    figures: ["p50_ms": p50, "p99_ms": p99, "leased_p50_ms": claimed50, "leased_p99_ms": claimed99])
            ]
        }
    }
}

func milliseconds(_ value: Double) -> String { "\((value * 100).rounded() / 100) ms" }
