import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Second attempts of late jobs: one result each, whoever is first.
@Suite(.timeLimit(.minutes(2))) struct HedgeTests {
    /// A model that hedges, with two deployments and a worker of each.
    struct Pair {
        let corner: Corner
        let names: [String]
        let epoch: Int64
        let slow: Int64
        let fast: Int64

        /// Begins second attempts for what has run at all.
        func hedge(after wait: Duration = .zero, limit: Int = 100) async throws -> Int32 {
            try await corner.queue.hedge(epoch: epoch, model: try await corner.modelID, heldFor: wait, limit: limit)
        }

        /// A job the slow worker runs, and its second attempt, which the fast one runs.
        func late(
            _ change: (inout JobRequest) -> Void = { _ in }
        ) async throws -> (job: ClaimedJob, twin: ClaimedJob) {
            try await corner.enqueue {
                $0.priority = .interactive
                change(&$0)
            }
            let job = try await corner.claimOne(slow)
            #expect(try await hedge() == 1)
            let twin = try await corner.claimOne(fast)
            #expect(twin.id != job.id && twin.payload == job.payload && twin.priority == job.priority)
            return (job, twin)
        }

        /// What the second attempt of `job` came to, and whether it is gone.
        func outcome(_ job: Int64) async throws -> String {
            try await corner.connection.value(
                "select coalesce(outcome::text, '') || case when ended_at is null then ' open' else '' end from sluice.hedge where job_id = \(job)"
            )
        }

        /// Whether nothing of the second attempt is left anywhere.
        func isGone(_ twin: Int64) async throws -> Bool {
            let left: Int64 = try await corner.connection.value(
                """
                select count(*) from (select id from sluice.job union all select id from sluice.result
                    union all select id from sluice.ready union all select id from sluice.running
                    union all select id from sluice.scheduled union all select id from sluice.suspect
                    union all select id from sluice.past_attempt union all select id from sluice.placement) x where x.id = \(twin)
                """)
            return left == 0
        }
    }

    static func open(policy: String = #"{"hedge_percent": 5}"#) async throws -> Pair {
        let (corner, names) = try await Corner.open(deployments: 2)
        _ = try await corner.queue.perform(.setPolicy(model: corner.model, policy: Array(policy.utf8)), why: nil)
        // Not leading: that would depose another test's.
        let epoch: Int64 = try await corner.connection.value("select epoch from sluice.controller")
        return Pair(
            corner: corner, names: names, epoch: epoch, slow: try await corner.worker(),
            fast: try await corner.worker(of: names[1]))
    }

    @Test(.database(migrated: true))
    func `the second attempt answers first: that is the answer, and the first is refused`()
        async throws
    {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        #expect(try await pair.corner.finish(pair.fast, twin, .succeeded))
        let status = try await pair.corner.status(job.id)
        #expect(status.state == .succeeded && status.isHedged && status.attempt == 2)
        #expect(status.deployment == pair.names[1] && status.worker == pair.fast && status.servedBy == nil)
        #expect(try await pair.corner.queue.results(of: [job.id]).map(\.isHedged) == [true])
        // It is told to stop, and what it says is too late.
        let reply = try await pair.corner.queue.heartbeat(worker: pair.slow, inFlight: [job.id])
        #expect(reply.cancelled == [job.id] && reply.overtaken == [job.id])
        #expect(try await pair.corner.finish(pair.slow, job, .succeeded) == false)
        #expect(try await pair.corner.status(job.id).worker == pair.fast)
        #expect(try await pair.outcome(job.id) == "won")
        #expect(try await pair.isGone(twin.id))
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `the first attempt answers first: the second is told to stop, and goes`()
        async throws
    {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        #expect(try await pair.corner.finish(pair.slow, job, .succeeded))
        let reply = try await pair.corner.queue.heartbeat(worker: pair.fast, inFlight: [twin.id])
        #expect(reply.cancelled == [twin.id] && reply.overtaken.isEmpty)
        // An answer in spite of it is nobody's.
        #expect(try await pair.corner.finish(pair.fast, twin, .succeeded))
        let status = try await pair.corner.status(job.id)
        #expect(status.state == .succeeded && !status.isHedged && status.worker == pair.slow && status.attempt == 1)
        #expect(try await pair.outcome(job.id) == "lost")
        #expect(try await pair.isGone(twin.id))
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a second attempt that waits goes with its job`() async throws {
        let pair = try await Self.open()
        try await pair.corner.enqueue { $0.priority = .interactive }
        let job = try await pair.corner.claimOne(pair.slow)
        #expect(try await pair.hedge() == 1)
        #expect(try await pair.corner.finish(pair.slow, job, .succeeded))
        #expect(try await pair.outcome(job.id) == "lost")
        #expect(try await pair.corner.claim(pair.fast, 10).isEmpty)
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true), arguments: [AttemptResult.Outcome.failed, .cancelled, .expired])
    func `a second attempt without an answer says nothing of the job`(outcome: AttemptResult.Outcome) async throws {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        #expect(try await pair.corner.finish(pair.fast, twin, outcome))
        #expect(try await pair.corner.state(job.id) == .running)
        #expect(try await pair.outcome(job.id) == "failed")
        #expect(try await pair.isGone(twin.id))
        // Once is enough.
        #expect(try await pair.hedge() == 0)
        #expect(try await pair.corner.finish(pair.slow, job, .succeeded))
        #expect(try await pair.corner.status(job.id).isHedged == false)
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a second attempt that is given back waits for its own deployment again`()
        async throws
    {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        #expect(try await pair.corner.finish(pair.fast, twin, .released))
        #expect(try await pair.corner.claim(pair.slow, 10).isEmpty)
        let again = try await pair.corner.claimOne(pair.fast)
        #expect(again.id == twin.id && again.attempt == 2)
        #expect(try await pair.corner.finish(pair.fast, again, .succeeded))
        #expect(try await pair.corner.status(job.id).isHedged)
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a job that failed meanwhile is answered where it waits`() async throws {
        let pair = try await Self.open()
        // At once for another, after a pause, and for the one that may try it alone.
        for way in 0..<3 {
            let (job, twin) = try await pair.late()
            switch way {
            case 0: try await pair.corner.finish(pair.slow, job, .retried)
            case 1:
                try await pair.corner.connection.execute(
                    script: "update sluice.setting set value = 0 where name = 'retries_per_second'")
                try await pair.corner.connection.execute(script: "delete from sluice.retry_budget")
                try await pair.corner.finish(pair.slow, job, .retried, delay: .seconds(60))
                #expect(try await pair.corner.state(job.id) == .scheduled)
                try await pair.corner.connection.execute(
                    script: "update sluice.setting set value = 10 where name = 'retries_per_second'")
            default:
                _ = try await pair.corner.queue.workerEnded(
                    pair.slow, orderly: false, cause: "a test", started: [job.id])
            }
            #expect(try await pair.corner.finish(pair.fast, twin, .succeeded))
            let status = try await pair.corner.status(job.id)
            #expect(status.state == .succeeded && status.isHedged && status.attempt == 2)
            #expect(try await pair.outcome(job.id) == "won")
        }
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a job that runs again elsewhere is answered by whoever is first`()
        async throws
    {
        let pair = try await Self.open()
        let third = try await pair.corner.worker()
        let (job, twin) = try await pair.late()
        _ = try await pair.corner.queue.workerEnded(pair.slow, orderly: false, cause: "a test")
        let again = try await pair.corner.claimOne(third)
        #expect(again.id == job.id && again.attempt == 2)
        #expect(try await pair.corner.finish(pair.fast, twin, .succeeded))
        #expect(try await pair.corner.finish(third, again, .succeeded) == false)
        #expect(try await pair.corner.status(job.id).attempt == 3)
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true), arguments: [false, true])
    func `a second attempt whose worker is lost is not made a third time`(isCharged: Bool) async throws {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        _ = try await pair.corner.queue.workerEnded(
            pair.fast, orderly: false, cause: "a test", started: isCharged ? [twin.id] : nil)
        #expect(try await pair.isGone(twin.id))
        #expect(try await pair.outcome(job.id) == "failed")
        #expect(try await pair.corner.finish(pair.slow, job, .succeeded))
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true), arguments: [JobState.cancelled, .expired])
    func `a job that is cancelled, or expires, takes its second attempt with it`(state: JobState) async throws {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        let ended: String = try await pair.corner.connection.value(
            "select sluice.cancel(\(job.id), 'a test', '\(state.rawValue)')::text")
        #expect(ended == "running")
        #expect(try await pair.corner.queue.heartbeat(worker: pair.fast, inFlight: [twin.id]).cancelled == [twin.id])
        // Not even an answer of the second changes that somebody has cancelled it.
        #expect(try await pair.corner.finish(pair.fast, twin, .succeeded))
        #expect(try await pair.corner.state(job.id) == .running)
        #expect(try await pair.corner.finish(pair.slow, job, .cancelled))
        #expect(try await pair.corner.state(job.id) == .cancelled)
        #expect(try await pair.outcome(job.id) == "lost")
        #expect(try await pair.isGone(twin.id))
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `who may not wait, streams, is of a batch or no longer runs is not hedged`()
        async throws
    {
        let pair = try await Self.open()
        try await pair.corner.enqueue(3, priority: .normal)
        try await pair.corner.enqueue {
            $0.priority = .interactive
            $0.isStreaming = true
        }
        try await pair.corner.enqueue {
            $0.priority = .interactive
            $0.timeToLive = .seconds(600)
        }
        let jobs = try await pair.corner.claim(pair.slow, 10)
        #expect(jobs.count == 5)
        _ = try await pair.corner.queue.cancel(jobs[1].id)
        #expect(try await pair.hedge(after: .seconds(3_600)) == 0)
        // Of the five one is interactive, whole and wanted: the one with a deadline, or none if it was the cancelled one.
        let wanted: Int64 = try await pair.corner.connection.value(
            """
            select count(*) from sluice.running l join sluice.job j on j.id = l.id
            where l.worker_id = \(pair.slow) and l.priority = 1 and not j.stream and not l.cancel_requested
            """)
        #expect(try await Int64(pair.hedge()) == wanted)
    }

    @Test(.database(migrated: true)) func `nobody is asked who has no free slot, or is out of the traffic`()
        async throws
    {
        let pair = try await Self.open()
        try await pair.corner.enqueue(12, priority: .interactive)
        #expect(try await pair.corner.claim(pair.slow, 12).count == 12)
        // A worker of the mock has eight slots.
        #expect(try await pair.hedge(limit: 3) == 3)
        #expect(try await pair.corner.claim(pair.fast, 100).count == 3)
        #expect(try await pair.hedge() == 5)
        _ = try await pair.corner.queue.perform(.isolate(pair.names[1], force: true), why: nil)
        let (other, names) = try await Corner.open(deployments: 2)
        _ = try await other.queue.perform(
            .setPolicy(model: other.model, policy: Array(#"{"hedge_percent": 5}"#.utf8)), why: nil)
        _ = try await other.queue.perform(.isolate(names[1], force: false), why: nil)
        let worker = try await other.worker()
        _ = try await other.worker(of: names[1])
        try await other.enqueue(1, priority: .interactive)
        _ = try await other.claimOne(worker)
        #expect(
            try await other.queue.hedge(epoch: pair.epoch, model: try await other.modelID, heldFor: .zero, limit: 9)
                == 0)
    }

    @Test(.database(migrated: true)) func `it is off unless the policy says so, and switched off what waits goes`()
        async throws
    {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        try await pair.corner.enqueue(1, priority: .interactive)
        let second = try await pair.corner.claimOne(pair.slow)
        #expect(try await pair.hedge() == 1)
        let off = Array(#"{"hedge_percent": 0}"#.utf8)
        _ = try await pair.corner.queue.perform(.setPolicy(model: pair.corner.model, policy: off), why: nil)
        #expect(try await pair.corner.claim(pair.fast, 10).isEmpty)
        #expect(try await pair.hedge() == 0)
        // One that answers all the same is swept up.
        #expect(try await pair.corner.finish(pair.slow, job, .succeeded))
        #expect(try await pair.corner.finish(pair.fast, twin, .succeeded))
        while try await pair.outcome(job.id).hasSuffix("open") { _ = try await pair.corner.queue.tendHedges() }
        #expect(try await pair.isGone(twin.id))
        #expect(try await pair.corner.status(job.id).isHedged == false)
        #expect(try await pair.corner.finish(pair.slow, second, .succeeded))
        #expect(try await pair.corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `nobody sees a second attempt`() async throws {
        let pair = try await Self.open()
        let (job, twin) = try await pair.late()
        #expect(try await pair.corner.queue.status(of: [twin.id]).isEmpty)
        for state in [nil, JobState.running, .queued] {
            let word = state.map { "'\($0.rawValue)'" } ?? "null"
            let listed: [Int64] = try await pair.corner.connection.values(
                "select id from sluice.list_jobs(\(word), '\(pair.corner.model)', null, null, 100)")
            #expect(!listed.contains(twin.id) && listed.contains(job.id) == (state != .queued))
        }
        let counted: Int64 = try await pair.corner.connection.value(
            "select coalesce(sum(jobs), 0)::bigint from sluice.queue_depth where model = '\(pair.corner.model)'")
        #expect(counted == 1)
        let sentence: String = try await pair.corner.connection.value(
            "select sluice.cancel_where(model => '\(pair.corner.model)', including_running => true)")
        #expect(sentence.hasPrefix("0 waiting jobs are cancelled, 1 running"))
    }

    @Test(.database(migrated: true)) func `another leader's word is refused`() async throws {
        let pair = try await Self.open()
        #expect(
            try await code {
                _ = try await pair.corner.queue.hedge(
                    epoch: pair.epoch - 1, model: try await pair.corner.modelID, heldFor: .zero, limit: 1)
            } == .superseded)
    }

    @Test(.database(migrated: true)) func `the second attempt keeps what the arm of an experiment changes`()
        async throws
    {
        let pair = try await Self.open()
        var request = FleetVerb.ExperimentRequest(
            "hedged-\(pair.corner.model)", model: pair.corner.model,
            arms: Array(
                #"[{"name": "a", "percent": 50, "prompt_prefix": "x"}, {"name": "b", "percent": 50, "prompt_prefix": "x"}]"#
                    .utf8))
        request.plan = Array("{}".utf8)
        _ = try await pair.corner.queue.perform(.startExperiment(request), why: nil)
        let (job, twin) = try await pair.late()
        #expect(job.treatment != nil && twin.treatment == job.treatment)
    }
}
