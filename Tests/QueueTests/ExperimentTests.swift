import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Who gets which arm, and what an operator may do. `sluice.experiment_report` is held by the tests of its reader.
@Suite(.timeLimit(.minutes(2))) struct ExperimentTests {
    private func start(
        _ corner: Corner, _ arms: String, unit: String = "job", plan: String = "{}", salt: String? = nil
    ) async throws -> String {
        var request = FleetVerb.ExperimentRequest("x \(corner.model)", model: corner.model, arms: Array(arms.utf8))
        (request.unit, request.plan, request.salt) = (unit, Array(plan.utf8), salt)
        return try await corner.queue.perform(.startExperiment(request), why: "a test")
    }

    private func stop(_ corner: Corner) async throws -> String {
        try await corner.queue.perform(.stopExperiment("x \(corner.model)"), why: nil)
    }

    /// The name of each of these jobs' arm; nil for one that has none.
    private func arms(_ corner: Corner, _ jobs: [Int64]) async throws -> [String?] {
        try await corner.connection.query(
            Statement(
                "test_arms",
                """
                select a.name from unnest($1::bigint[]) with ordinality i(id, place)
                left join sluice.exposure x on x.job_id = i.id left join sluice.arm a on a.id = x.arm_id order by i.place
                """), jobs
        ).map { try $0.decode(0) }
    }

    private func lanes(_ corner: Corner) async throws -> [String] {
        try await corner.connection.values(
            "select (d.lanes * '{[10000,30000)}')::text from sluice.deployment d where d.model_id = \(try await corner.modelID) order by d.id"
        )
    }

    @Test(.database(migrated: true))
    func `a unit has one arm, whatever it asks for, and units are divided as declared`() async throws {
        let corner = try await Corner.open()
        _ = try await start(
            corner, #"[{"name": "control", "percent": 50}, {"name": "other", "percent": 25.5}]"#)
        var seen: [String: String?] = [:]
        var counts: [String?: Int] = [:]
        for round in 0..<2 {
            for user in 0..<400 {
                let job = try await corner.enqueue { $0.affinity = "user \(user)" }
                let arm = try await arms(corner, [job])[0]
                if round == 0 { counts[arm, default: 0] += 1 }
                if let known = seen["\(user)"] { #expect(known == arm) }
                seen["\(user)"] = arm
            }
        }
        // Five standard deviations of a draw of 400.
        #expect((150...250).contains(counts["control"] ?? 0))
        #expect((58...146).contains(counts["other"] ?? 0))
        #expect((54...142).contains(counts[nil] ?? 0))
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true))
    func `without affinity keys the unit is the job or the tenant, and a tenant's keys are its own`() async throws {
        let corner = try await Corner.open()
        for tenant in ["red", "blue"] {
            try await corner.connection.execute(script: "select sluice.put_tenant('\(corner.model) \(tenant)')")
        }
        let halves = #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50}]"#
        _ = try await start(corner, halves, unit: "tenant")
        for tenant in ["red", "blue"] {
            let jobs = try await corner.enqueue(50, tenant: "\(corner.model) \(tenant)")
            #expect(Set(try await arms(corner, jobs)).count == 1)
        }
        let units: Int64 = try await corner.connection.value(
            """
            select count(distinct x.unit) from sluice.exposure x join sluice.arm a on a.id = x.arm_id
            join sluice.experiment e on e.id = a.experiment_id where e.name = 'x \(corner.model)'
            """)
        #expect(units == 2)
        for tenant in ["red", "blue"] {
            try await corner.enqueue {
                ($0.tenant, $0.affinity) = ("\(corner.model) \(tenant)", "the same")
            }
        }
        let after: Int64 = try await corner.connection.value(
            """
            select count(distinct x.unit) from sluice.exposure x join sluice.arm a on a.id = x.arm_id
            join sluice.experiment e on e.id = a.experiment_id where e.name = 'x \(corner.model)'
            """)
        #expect(after == 4)
        _ = try await stop(corner)
        let late = try await corner.enqueue(20)
        #expect(try await arms(corner, late).allSatisfy { $0 == nil })
    }

    @Test(.database(migrated: true))
    func `only its deployment claims an arm's jobs, until it is out of the traffic or the experiment over`()
        async throws
    {
        let (corner, names) = try await Corner.open(deployments: 2)
        _ = try await start(
            corner,
            #"[{"name": "control", "percent": 50}, {"name": "pinned", "percent": 50, "deployment": "\#(names[1])"}]"#)
        let first = try await corner.worker()
        let second = try await corner.worker(of: names[1])
        let jobs = try await corner.enqueue(200)
        let arms = try await arms(corner, jobs)
        let mine = try await corner.claim(first, 1000)
        #expect(Set(mine.map(\.id)) == Set(zip(jobs, arms).filter { $0.1 == "control" }.map(\.0)))
        #expect(try await corner.claim(second, 1000).count == 200 - mine.count)

        // New jobs lie above every floor, in lanes as well.
        let claim = try await corner.queue.claim(worker: second, limit: 10)
        #expect(claim.jobs.isEmpty)
        let more = try await corner.enqueue(100)
        let held = try await corner.queue.claim(
            worker: second, limit: 1000, range: ClaimRange(floors: claim.emptyFloors)
        ).jobs
        #expect(held.count == 100)
        for job in held { try await corner.finish(second, job, .released) }
        _ = try await corner.queue.perform(.isolate(names[1], force: false), why: "a test")
        #expect(try await corner.claim(second, 1000).isEmpty)
        #expect(Set(try await corner.claim(first, 1000).map(\.id)) == Set(more))
        _ = try await corner.queue.perform(.restore(names[1], byRamp: false), why: nil)
        #expect(try await lanes(corner).filter { $0 != "{}" }.count == 1)

        let last = try await corner.enqueue(100)
        _ = try await stop(corner)
        #expect(Set(try await corner.claim(first, 1000).map(\.id)) == Set(last))
        #expect(try await lanes(corner).filter { $0 != "{}" }.count == 2)
    }

    @Test(.database(migrated: true))
    func `a stopped experiment gives its lanes up when nothing is left in them`() async throws {
        let corner = try await Corner.open()
        _ = try await start(
            corner,
            #"[{"name": "c", "percent": 50, "deployment": "\#(corner.deployment)"}, {"name": "d", "percent": 50}]"#)
        let worker = try await corner.worker()
        try await corner.enqueue(10)
        _ = try await stop(corner)
        let jobs = try await corner.claim(worker, 100)
        #expect(jobs.count == 10)
        _ = try await corner.connection.value("select sluice.close_experiments()", as: Int32.self)
        #expect(try await lanes(corner) != ["{}"])
        for job in jobs { try await corner.finish(worker, job, .succeeded) }
        try await eventually("no older transaction is left, and the lanes are given up") {
            _ = try await corner.connection.value("select sluice.close_experiments()", as: Int32.self)
            return try await lanes(corner) == ["{}"]
        }
        let left: Bool = try await corner.connection.value(
            "select experiment_id is null from sluice.model where name = '\(corner.model)'")
        #expect(left)
    }

    @Test(.database(migrated: true))
    func `a shadow gets a copy that nobody sees, last in line, and never in the client's place`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        _ = try await start(
            corner,
            #"""
            [{"name": "control", "percent": 100},
             {"name": "dark", "percent": 100, "shadow": true, "deployment": "\#(names[1])", "parameters": {"seed": 7}}]
            """#)
        let job = try await corner.enqueue()
        let first = try await corner.worker()
        let second = try await corner.worker(of: names[1])
        let copy = try #require(
            try await corner.claim(second, 10).first { $0.priority == 4 }, "the shadow's deployment claims it")
        #expect(copy.id != job && copy.payload == Array(#"{"a":1}"#.utf8) && copy.maximumAttempts == 1)
        #expect(copy.treatment.map { String(decoding: $0, as: UTF8.self) }?.contains(#""seed""#) == true)
        let own = try await corner.claim(first, 10)
        #expect(own.allSatisfy { $0.id == job && $0.treatment == nil })
        #expect(try await corner.status(copy.id).tenant == "(shadow)")
        try await corner.finish(second, copy, .failed)
        #expect(try await corner.state(job) == .running || own.isEmpty)
        let deadlines: Int64 = try await corner.connection.value(
            "select count(*) from sluice.deadline where id = \(copy.id)")
        #expect(deadlines == 1)
    }

    @Test(.database(migrated: true)) func `tallies are of units, and leave callers' faults out`() async throws {
        let corner = try await Corner.open()
        _ = try await start(
            corner,
            #"[{"name": "all", "percent": 100, "prompt_price": 1000000, "completion_price": 0}, {"name": "no", "percent": 100, "shadow": true}]"#
        )
        let worker = try await corner.worker()
        // One user with three jobs, two of which succeed; another whose own fault it is.
        for user in ["one", "one", "one", "two"] { try await corner.enqueue { $0.affinity = user } }
        let jobs = try await corner.claim(worker, 100).filter { $0.priority < 4 }
        #expect(jobs.count == 4)
        let usage = Usage(promptTokens: 3, completionTokens: 1)
        for (place, job) in jobs.enumerated() {
            var end = job.ended(place < 2 ? .succeeded : .failed)
            if place < 2 { end.usage = usage }
            if place == 3 { end.errorClass = .invalidRequest }
            #expect(try await corner.queue.finish(worker: worker, [end]).isEmpty)
        }
        try await corner.queue.score(jobs[0].id, 4)
        try await corner.queue.score(jobs[0].id, 5)
        #expect(try await code { try await corner.queue.score(jobs[2].id, 5) } == .busy)
        #expect(try await code { try await corner.queue.score(9_000_000_000, 5) } == .notFound)
        #expect(try await code { try await corner.queue.score(jobs[0].id, .nan) } == .invalidArgument)

        let experiment = try #require(try await corner.queue.experiments().first { $0.model == corner.model })
        let figures = try await corner.queue.figures(ofExperiment: experiment.id).filter { $0.arm == "all" }
        func figure(_ metric: String) throws -> ArmFigure { try #require(figures.first { $0.metric == metric }) }
        #expect(try figure("success").exposures == 2)
        #expect(try figure("success").units == 1 && abs(figure("success").sum - 2.0 / 3) < 1e-6)
        #expect(try figure("tokens").sum == 4 && figure("cost").sum == 3)
        #expect(try figure("score").units == 1 && figure("score").sum == 5)
        #expect(try figure("latency").units == 1)
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var arms: String
        var plan = "{}"
        var says: String
        var testDescription: String { says }
    }

    @Test(
        .database(migrated: true),
        arguments: [
            Mistake(arms: #"[{"name": "a", "percent": 50}]"#, says: "2 to 20 arms"),
            Mistake(arms: #"[{"name": "a", "percent": 60}, {"name": "b", "percent": 60}]"#, says: "100 percent"),
            Mistake(arms: #"[{"name": "a", "percent": 50}, {"name": "a", "percent": 50}]"#, says: "name of its own"),
            Mistake(arms: #"[{"name": "a", "percent": 0}, {"name": "b", "percent": 50}]"#, says: "0.01 to 100"),
            Mistake(
                arms: #"[{"name": "a", "percent": 5, "shadow": true}, {"name": "b", "percent": 5, "shadow": true}]"#,
                says: "a control"),
            Mistake(
                arms: #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50, "deployment": "nowhere"}]"#,
                says: "nowhere"),
            Mistake(
                arms: #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50, "parameters": {"stream": true}}]"#,
                says: "without model, stream"),
            Mistake(
                arms: #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50, "colour": 1}]"#, says: "colour"),
            Mistake(
                arms: #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50}]"#, plan: #"{"primary": "luck"}"#,
                says: "primary metric"),
            Mistake(
                arms: #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50}]"#,
                plan: #"{"guardrails": {"luck": 1}}"#, says: "Guardrails"),
            Mistake(
                arms: #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50}]"#, plan: #"{"alpha": 2}"#,
                says: "alpha"),
        ])
    func `what cannot be is refused, and nothing is begun`(mistake: Mistake) async throws {
        let corner = try await Corner.open()
        let error = await #expect(throws: QueueError.self) {
            try await start(corner, mistake.arms, plan: mistake.plan)
        }
        #expect(error?.message.contains(mistake.says) == true, "\(error?.message ?? "")")
        #expect(try await corner.queue.experiments().allSatisfy { $0.model != corner.model })
    }

    @Test(.database(migrated: true)) func `a model has one at a time, a name is used once, and all is on record`()
        async throws
    {
        let corner = try await Corner.open()
        let halves = #"[{"name": "a", "percent": 50}, {"name": "b", "percent": 50}]"#
        #expect(try await start(corner, halves).contains("the control is a"))
        #expect(try await code { _ = try await start(corner, halves) } == .busy)
        #expect(try await stop(corner).contains("is over"))
        #expect(try await stop(corner).contains("already"))
        #expect(try await code { _ = try await start(corner, halves) } == .busy)
        let verbs: [String] = try await corner.connection.values(
            "select verb from sluice.audit where subject = 'model \(corner.model)' and verb like '%experiment' order by id"
        )
        #expect(verbs == ["start_experiment", "stop_experiment"])
    }
}
