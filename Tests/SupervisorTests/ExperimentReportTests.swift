import Domain
import Fleet
import Postgres
import Queue
import Supervisor
import TestSupport
import Testing

/// Experiments between SQL, where units are drawn for and counted, and the machine that judges.
@Suite(.timeLimit(.minutes(2))) struct ExperimentReportTests {
    @Test(.database(migrated: true)) func `SQL and the machine draw the same`() async throws {
        let arms = [Arm("a", buckets: 3_000), Arm("b", buckets: 3_000), Arm("s", buckets: 500, isShadow: true)]
        for salt in ["tone", "a longer salt, with ümlauts and 漢字", "x"] {
            let experiment = try Experiment(name: "x", salt: salt, arms: arms)
            let units =
                (0..<500).map { "1/user \($0)" } + ["", "7", "#123456789012", String(repeating: "long ", count: 60)]
            try await Stage.with(workers: 0) { stage in
                let rows = try await stage.connection.query(
                    Statement(
                        "buckets",
                        """
                        select sluice.unit_bucket($1::text, u.unit) from unnest($2::text[]) with ordinality u(unit, place)
                        order by u.place
                        """), salt, units)
                let buckets: [Int32] = try rows.map { try $0.decode(0) }
                #expect(buckets.map(Int.init) == units.map { experiment.bucket(of: $0) })
            }
        }
    }

    @Test(.database(migrated: true)) func `an arm that fails is called worse, in SQL as well`() async throws {
        try await Stage.with(workers: 0) { stage in
            var request = FleetVerb.ExperimentRequest(
                "x", model: "m",
                arms: Array(#"[{"name": "control", "percent": 50}, {"name": "bad", "percent": 50}]"#.utf8))
            request.plan = Array(#"{"minimum_sample": 50, "target_sample": 200, "guardrails": {"latency": 0.5}}"#.utf8)
            _ = try await stage.queue.perform(.startExperiment(request), why: nil)
            let jobs = try await stage.queue.enqueue(
                model: "m", payloads: Array(repeating: Array("{}".utf8), count: 600), priority: .normal,
                tenant: "default")
            // Ends as workers would have told them: one arm fails three times in ten.
            try await stage.connection.execute(
                script: """
                    with r as (delete from sluice.ready returning id)
                    insert into sluice.result (id, started_at, finished_at, attempt, state, error_class, body)
                    select r.id, now() - interval '1 s', now(), 1,
                        case when a.name = 'bad' and r.id % 10 < 3 then 'failed' else 'succeeded' end::sluice.job_state,
                        case when a.name = 'bad' and r.id % 10 < 3 then 'retryable' end::sluice.error_class, '{}'
                    from r join sluice.exposure x on x.job_id = r.id join sluice.arm a on a.id = x.arm_id;
                    """)
            let listing = try #require(try await stage.queue.experiments().first)
            let report = try ExperimentReport(
                listing, try await stage.queue.arms(ofExperiment: listing.id),
                try await stage.queue.figures(ofExperiment: listing.id))
            let side = try #require(report.sides.first)
            #expect(side.verdict == .worse && side.sentence.contains("keep the control"))
            #expect(report.mismatchProbability > 0.001)
            let success = try #require(side.comparisons.first { $0.metric == .success })
            #expect(success.control == 1 && (0.55...0.85).contains(success.arm) && success.sample > 200)

            try await stage.queue.putReport(
                experiment: listing.id, report.sides.map { ($0.arm.name, $0.verdict.rawValue, $0.sentence) })
            try await stage.queue.putReport(
                experiment: listing.id, report.sides.map { ($0.arm.name, $0.verdict.rawValue, $0.sentence) })
            let words = try await stage.connection.query(
                Statement(
                    "report",
                    "select verdict, units::int, sentence from sluice.experiment_report where arm = 'bad' and experiment = 'x'"
                ))[0]
                .decode((String, Int32, String).self)
            #expect(words.0 == "worse" && words.1 > 200)
            #expect(words.2 == side.sentence)
            // A verdict is a decision once.
            let events: Int64 = try await stage.connection.query(
                Statement("events", "select count(*) from sluice.event where kind = 'experiment'"))[0].decode(0)
            #expect(events == 1)
            #expect(jobs.count == 600)
        }
    }
}
