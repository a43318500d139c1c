import Domain
import FoundationEssentials
import Postgres
import Queue
import TestSupport
import Testing

/// A rule is tried on what really ran.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SimulateTests {
    private struct Row: Decodable {
        var rule: String?
        var policy: String?
        var attainment: Double?
        var worker_seconds: Double?
        var money: Double?
        var clairvoyant_without_waits: Double?
        var clairvoyant_in_time: Double?
    }

    private func rows(_ queue: RunningQueue, _ arguments: String...) async throws -> [Row] {
        let outcome = try await queue.sluice(arguments + ["--json"])
        #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
        return try outcome.output.split(separator: "\n").map {
            try JSONDecoder().decode(Row.self, from: Data($0.utf8))
        }
    }

    @Test(.database(migrated: true)) func `today's rule is compared with another on the jobs a deployment ran`()
        async throws
    {
        try await RunningQueue.with(slots: 4, configuration: #"{"latency_ms": 20}"#) { queue in
            try await queue.enqueue(200)
            let rule = try await queue.sluice([
                "scale", "echo-1", "--min-workers", "0", "--max-workers", "3", "--objective", "20s",
            ])
            #expect(rule.status == 0, "\(rule.errors)")
            try await eventually("they are answered") {
                try await queue.count(
                    "select count(*) from sluice.job j where not exists (select from sluice.result r where r.id = j.id)"
                )
                    == 0
            }
            let plan = try await rows(
                queue, "plan", "scale", "echo-1", "--rule", "max_workers=1 objective_ms=5000", "--cold-start", "500ms")
            #expect(plan.map(\.rule) == ["today", "proposed"])
            #expect(plan.allSatisfy { ($0.worker_seconds ?? 0) > 0 && 0...100 ~= $0.attainment ?? -1 })
            let again = try await rows(
                queue, "plan", "scale", "echo-1", "--rule", "max_workers=1 objective=5s", "--cold-start", "0.5")
            #expect(again.map(\.worker_seconds) == plan.map(\.worker_seconds))
            let contest = try await rows(
                queue, "simulate", "--from-history", "1h", "--deployment", "echo-1", "--policy", "sluice,fixed:1")
            #expect(contest.count >= 2)
            // It is the deployment's own rule that is tried, unless another is named.
            let own = try await rows(
                queue, "simulate", "--from-history", "1h", "--deployment", "echo-1", "--policy", "sluice",
                "--cold-start", "0.5")
            let same = try await rows(
                queue, "simulate", "--from-history", "1h", "--deployment", "echo-1", "--policy", "sluice",
                "--cold-start", "0.5", "--rule", "max_workers=3 objective=20s", "--slots", "4")
            #expect(own.map(\.worker_seconds) == same.map(\.worker_seconds) && own.count == 1)
            #expect(own.map(\.money) == [nil])
            // Scripts get the bounds, which people read in the summary.
            #expect(
                own.allSatisfy {
                    ($0.clairvoyant_in_time ?? 0) > 0 && ($0.clairvoyant_without_waits ?? 0) > 0
                        && ($0.clairvoyant_in_time ?? 0) <= ($0.worker_seconds ?? 0)
                })
            // A rule without an objective is judged by today's.
            let counted = try await queue.sluice([
                "plan", "scale", "echo-1", "--rule", "scaler=request_count per_worker=4", "--cold-start", "0.5",
            ])
            #expect(counted.status == 0 && counted.errors.contains("in time is within 20.0 s"), "\(counted)")
            let priced = try await rows(
                queue, "plan", "scale", "echo-1", "--rule", "price_per_hour=36 money_per_hour=1", "--cold-start", "0.5")
            // A hundredth for a worker's second; for one an hour a hundred seconds.
            #expect(
                priced.count == 2
                    && priced.allSatisfy { (($0.money ?? -1) - ($0.worker_seconds ?? 0) / 100).magnitude < 0.02 })
            let lost = try await queue.sluice(["simulate", "azure-code", "--deployment", "echo-1"])
            #expect(lost.status == 64 && lost.errors.contains("--deployment goes with --from-history."))
            let unknown = try await queue.sluice(["plan", "scale", "nobody", "--rule", "max_workers=1"])
            #expect(unknown.status == 64 && unknown.errors.contains("There is no deployment nobody."))
            let wrong = try await queue.sluice(["plan", "scale", "echo-1", "--rule", "workers=1"])
            #expect(wrong.status == 64 && wrong.errors.contains("\"workers=1\" is no part of a rule."))
        }
    }
}
