import Postgres

/// The same drain while another connection holds something that stops garbage from being removed.
package struct HeldDrainShape: Shape {
    package static let name = "held"
    package static let abstract = "the same drain beside a held snapshot, an open transaction, an uncommitted enqueue"

    package init() {}

    private struct Holder {
        let name: String
        let isolation: IsolationLevel
        let statements: [String]
    }

    private static let holders = [
        Holder(
            name: "a held snapshot", isolation: .repeatableRead, statements: ["select count(*) from sluice.model"]),
        Holder(
            name: "an open transaction that has read the hot tables", isolation: .readCommitted,
            statements: ["ready", "running", "scheduled"].map { "select count(*) from sluice.\($0)" }),
        Holder(
            name: "an uncommitted enqueue", isolation: .readCommitted,
            statements: ["select sluice.enqueue('bench', '{\"messages\": []}')"]),
    ]

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        var free: [Double] = []
        var held = [[Double]](repeating: [], count: Self.holders.count)
        for round in 1...laboratory.rounds {
            laboratory.say("round \(round): nothing held")
            free.append(try await DrainShape.workerDrain(laboratory, "free", isSwept: true))
            for (index, holder) in Self.holders.enumerated() {
                laboratory.say("round \(round): \(holder.name)")
                let rate = try await DrainShape.workerDrain(laboratory, "held", isSwept: true) { database, drain in
                    let connection = try await laboratory.connect(database.url)
                    defer { connection.close() }
                    return try await connection.transaction(isolation: holder.isolation) { connection in
                        for (number, sql) in holder.statements.enumerated() {
                            _ = try await connection.query(Statement("bench_hold_\(index)_\(number)", sql))
                        }
                        return try await drain()
                    }
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
