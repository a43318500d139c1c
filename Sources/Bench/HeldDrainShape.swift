import Postgres

/// The same drain while another connection holds something that stops garbage from being removed.
package struct HeldDrainShape: Shape {
    package static let name = "held"
    package static let abstract = "the same drain beside a held snapshot, an open transaction, an uncommitted enqueue"

    package init() {}

    private static let holders: [(name: String, script: String)] = [
        ("a held snapshot", "begin isolation level repeatable read; select 1;"),
        (
            "an open transaction that has read the hot tables",
            "begin; select count(*) from sluice.ready; select count(*) from sluice.running; select count(*) from sluice.scheduled;"
        ),
        (
            "an uncommitted enqueue",
            "begin; select sluice.enqueue('bench', '{\"messages\": []}', run_at => now() + interval '1 day');"
        ),
    ]

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        var free: [Double] = []
        var held = [[Double]](repeating: [], count: Self.holders.count)
        for round in 1...laboratory.rounds {
            laboratory.say("round \(round): nothing held")
            free.append(try await DrainShape.workerDrain(laboratory, "free"))
            for (index, holder) in Self.holders.enumerated() {
                laboratory.say("round \(round): \(holder.name)")
                let rate = try await DrainShape.workerDrain(laboratory, "held") { database in
                    let connection = try await laboratory.connect(database.url)
                    try await connection.execute(script: holder.script)
                    // The connection lives until the drain is over.
                    _ = await connection.waitUntilClosed()
                }
                held[index].append(rate)
            }
        }
        let best = free.max() ?? 1
        return zip(Self.holders, held).map { holder, rates in
            let ratio = (rates.max() ?? 0) / best
            return Measurement(
                Self.name, "drain beside \(holder.name)",
                "\(rate(rates.max() ?? 0)) = \(percent(ratio)) of \(rate(best))",
                target: "at least 90%", isMet: ratio >= 0.9,
                figures: ["jobs_per_second": rates.max() ?? 0, "free_jobs_per_second": best, "ratio": ratio])
        }
    }
}
