import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// What the controller reads and writes. In databases of their own: there is one controller in each.
@Suite(.timeLimit(.minutes(2))) struct SteeringTests {
    private func orders(_ corner: Corner, _ change: (inout SteeringOrders) -> Void) async throws -> SteeringOrders {
        var orders = SteeringOrders(model: try await corner.modelID)
        orders.deployments = try await corner.queue.steeredDeployments().map(SteeringOrders.Deployment.init)
        change(&orders)
        return orders
    }

    private func share(_ corner: Corner, _ name: String) async throws -> String {
        try await corner.connection.value("select share::text from sluice.deployment where name = '\(name)'")
    }

    @Test(.database(migrated: true)) func `what a worker tells is given once, and only to the leader`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        var sample = AttemptSample(stage: 7)
        sample.succeeded = 5
        sample.failed = [.retryable: 2, .auth: 1]
        sample.run = [8, 0, 2, 3]
        sample.latencyBins = [10, 20]
        sample.latencyCounts = [4, 1]
        sample.retryAfter = .milliseconds(1500)
        var report = WorkerReport()
        (report.sample, report.memory, report.isWell) = (sample, 0.25, true)
        // Nobody takes them, so nothing is kept.
        let alone = try await corner.queue.heartbeat(worker: worker, inFlight: [], report: report)
        #expect(alone.decided == nil && !alone.guards && !alone.healthWanted)
        let epoch = try await corner.queue.leadFleet(as: "one")
        var (samples, taken) = try await corner.queue.takeSamples(epoch: epoch)
        #expect(samples.isEmpty)
        try await corner.queue.decided(epoch: epoch, taken: taken)
        let heard = try await corner.queue.heartbeat(worker: worker, inFlight: [], report: report)
        #expect(heard.decided != nil)
        (samples, taken) = try await corner.queue.takeSamples(epoch: epoch)
        #expect(samples.map(\.sample) == [sample])
        let deployment = try #require(try await corner.queue.steeredDeployments().first)
        #expect(samples.first?.deployment == deployment.id && deployment.capacity == 8)
        #expect(deployment.memory == 0.25 && deployment.isWell == true)
        #expect(try await corner.queue.takeSamples(epoch: epoch).samples.isEmpty)

        let next = try await corner.queue.leadFleet(as: "two")
        #expect(next > epoch)
        let orders = try await orders(corner) { _ in }
        #expect(try await code { _ = try await corner.queue.takeSamples(epoch: epoch) } == .superseded)
        #expect(try await code { _ = try await corner.queue.steer(epoch: epoch, orders) } == .superseded)
        #expect(try await code { try await corner.queue.decided(epoch: epoch, taken: taken) } == .superseded)
        #expect(try await corner.queue.steer(epoch: next, orders))
    }

    @Test(.database(migrated: true)) func `an operator who was faster is not overruled`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        let epoch = try await corner.queue.leadFleet(as: "one")
        let stale = try await orders(corner) { $0.deployments[0].share = "{[0,10000)}" }
        _ = try await corner.queue.perform(.isolate(names[0], force: true), why: "a test")
        #expect(try await corner.queue.steer(epoch: epoch, stale) == false)
        let fresh = try await orders(corner) {
            $0.deployments[0].share = "{[0,10000)}"
            $0.deployments[1].share = "{[0,5000)}"
            $0.deployments[1].beginsStage = true
            $0.deployments[1].health.breaker = "ramping"
            $0.deployments[1].health.percent = 50
            $0.deployments[1].rampPercent = 50
            $0.decisions = [.init(kind: "ramped", subject: "deployment \(names[1])", reason: "because")]
        }
        #expect(try await corner.queue.steer(epoch: epoch, fresh))
        #expect(try await share(corner, names[0]) == "{}")
        #expect(try await share(corner, names[1]) == "{[0,5000)}")
        let read = try await corner.queue.steeredDeployments()
        #expect(read[1].health.breaker == "ramping" && read[1].health.percent == 50 && read[1].stage == 1)
        #expect(read[1].state == "ramping" && read[0].state == "isolated")
        let reason: String = try await corner.connection.value(
            "select reason from sluice.decisions where kind = 'ramped'")
        #expect(reason == "because")
    }

    @Test(.database(migrated: true)) func `an operator's open transaction holds up the controller for a second`()
        async throws
    {
        let (corner, names) = try await Corner.open(deployments: 2)
        let epoch = try await corner.queue.leadFleet(as: "one")
        let weights = Array(#"{"\#(names[0])": 70}"#.utf8)
        try await Corner.connect().transaction { late async throws in
            _ = try await Queue(late).perform(.setWeights(model: corner.model, weights: weights), why: "a test")
            let stuck = try await orders(corner) { _ in }
            #expect(try await code { _ = try await corner.queue.steer(epoch: epoch, stuck) } == .locked)
        }
        #expect(try await corner.queue.steer(epoch: epoch, try await orders(corner) { _ in }))
    }

    @Test(.database(migrated: true)) func `one job is let through, whoever asks`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        let epoch = try await corner.queue.leadFleet(as: "one")
        try await corner.enqueue(20)
        let (one, two) = (try await corner.worker(), try await corner.worker())
        let probing = try await orders(corner) {
            $0.deployments[0].share = "{}"
            $0.deployments[0].health.breaker = "probing"
            $0.deployments[0].beginsStage = true
            $0.deployments[0].wantsProbe = true
        }
        #expect(try await corner.queue.steer(epoch: epoch, probing))
        let first = try await corner.queue.claim(worker: one, limit: 8)
        #expect(first.jobs.count == 1 && first.stage == 1 && first.jobs[0].stage == 1)
        #expect(try await corner.claim(two, 8).isEmpty)
        #expect(try await corner.claim(one, 8).isEmpty)
        let other = try await corner.worker(of: names[1])
        #expect(try await corner.claim(other, 100).count == 19)
        // With nothing to claim, the wish stays.
        #expect(
            try await corner.queue.steer(epoch: epoch, try await orders(corner) { $0.deployments[0].wantsProbe = true })
        )
        #expect(try await corner.claim(two, 8).isEmpty)
        try await corner.enqueue(2)
        #expect(try await corner.claim(two, 8).count == 1)
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a failed attempt goes on at once where it has not been, then backs off`()
        async throws
    {
        let (corner, names) = try await Corner.open(deployments: 3)
        _ = try await corner.queue.perform(.setStrategy(model: corner.model, strategy: "round_robin"), why: nil)
        var workers: [Int64] = []
        for name in names { workers.append(try await corner.worker(of: name)) }
        for _ in 0..<20 {
            let id = try await corner.enqueue()
            var tried: Set<Int> = []
            for _ in names {
                var claimed: (Int, ClaimedJob)?
                for (index, worker) in workers.enumerated() {
                    if let job = try await corner.claim(worker).first { claimed = (index, job) }
                }
                let (index, job) = try #require(claimed)
                #expect(job.id == id && tried.insert(index).inserted, "it was tried there before")
                try await corner.finish(workers[index], job, .retried, delay: .seconds(3600))
            }
            #expect(try await corner.state(id) == .scheduled)
        }
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `where shares overlap a failed attempt goes where it has not been, too`()
        async throws
    {
        let (corner, names) = try await Corner.open(deployments: 3)
        var workers: [Int64] = []
        for name in names { workers.append(try await corner.worker(of: name)) }
        for _ in 0..<10 {
            let id = try await corner.enqueue()
            var tried: Set<Int> = []
            for _ in names {
                var claimed: (Int, ClaimedJob)?
                for (index, worker) in workers.enumerated().reversed() {
                    if let job = try await corner.claim(worker).first { claimed = (index, job) }
                }
                let (index, job) = try #require(claimed)
                #expect(job.id == id && tried.insert(index).inserted, "it was tried there before")
                try await corner.finish(workers[index], job, .retried, delay: .seconds(3600))
            }
            // Then it backs off, and is anybody's again.
            #expect(try await corner.state(id) == .scheduled)
            let bucket: Int16 = try await corner.connection.value(
                "select bucket from sluice.scheduled where id = \(id)")
            #expect(0..<10_000 ~= bucket)
        }
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true))
    func `what only one was to have is everybody's when that one leaves the traffic, or loses its worker`() async throws
    {
        let (corner, names) = try await Corner.open(deployments: 2)
        let first = try await corner.worker()
        let second = try await corner.worker(of: names[1])
        for way in 0..<2 {
            let id = try await corner.enqueue()
            try await corner.finish(first, try await corner.claimOne(first), .retried, delay: .seconds(3600))
            #expect(try await corner.claim(first).isEmpty)
            if way == 0 {
                _ = try await corner.queue.perform(.isolate(names[1], force: false), why: nil)
                let job = try await corner.claimOne(first)
                #expect(job.id == id)
                try await corner.finish(first, job, .succeeded)
                _ = try await corner.queue.perform(.restore(names[1], byRamp: false), why: nil)
            } else {
                #expect(try await corner.claimOne(second).id == id)
                _ = try await corner.queue.workerEnded(second, orderly: false, cause: "a test")
                let job = try await corner.claimOne(first)
                #expect(job.id == id && job.attempt == 3)
            }
        }
        #expect(try await corner.violations() == [])
    }

    @Test(.database(migrated: true)) func `a rollout begins small, and ends at a word`() async throws {
        let corner = try await Corner.open()
        let (old, new) = (corner.deployment, "\(corner.deployment)-new")
        func perform(_ verb: FleetVerb) async throws -> String { try await corner.queue.perform(verb, why: "a test") }
        func put(_ name: String) async throws {
            var request = DeploymentRequest(model: corner.model, name: name, backend: "mock")
            request.isIsolated = true
            try await corner.queue.putDeployment(request)
        }
        try await put(new)
        #expect(try await share(corner, new) == "{}")
        #expect(
            try await perform(.rollout(new, over: nil, gates: []))
                == "\"\(new)\" takes the place of \"\(old)\" step by step, from 1%.")
        #expect(try await share(corner, new) == "{[0,100)}")
        #expect(try await code { _ = try await perform(.rollout(new, over: old, gates: [])) } == .busy)
        _ = try await perform(.pauseRollout(model: corner.model))
        #expect(try await corner.queue.steeredRollouts().first?.state == "paused")
        _ = try await perform(.resumeRollout(model: corner.model))
        _ = try await perform(.rollback(model: corner.model))
        #expect(try await share(corner, new) == "{}")
        #expect(try await share(corner, old) == "{[0,10000)}")
        #expect(try await code { _ = try await perform(.promote(model: corner.model)) } == .notFound)
        _ = try await perform(.rollout(new, over: old, gates: [25, 50]))
        _ = try await perform(.promote(model: corner.model))
        #expect(try await share(corner, new) == "{[0,10000)}")
        #expect(try await share(corner, old) == "{}")
        let states: [String] = try await corner.connection.values(
            "select state::text from sluice.rollouts where model = '\(corner.model)' order by started_at")
        #expect(states == ["rolled_back", "promoted"])
        for verb in [
            FleetVerb.rollout(new, over: new, gates: []), .rollout(old, over: new, gates: [0]),
            .rollout(new, over: old, gates: []),
        ] { #expect(try await code { _ = try await perform(verb) } == .invalidArgument) }
    }

    @Test(.database(migrated: true), arguments: ["isolated", "draining"])
    func `taking the new version of a rollout out of the traffic ends the rollout`(state: String) async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        _ = try await corner.queue.perform(.isolate(names[1], force: false), why: nil)
        _ = try await corner.queue.perform(.rollout(names[1], over: names[0], gates: []), why: nil)
        let verb = state == "isolated" ? FleetVerb.isolate(names[1], force: false) : .drain(names[1], force: false)
        #expect(try await corner.queue.perform(verb, why: "it looks odd").contains("rolled back"))
        let ended: [String] = try await corner.connection.values(
            "select r.state || ' ' || r.reason from sluice.rollouts r where r.model = '\(corner.model)'")
        #expect(ended.count == 1 && ended[0].hasPrefix("rolled_back") && ended[0].hasSuffix("it looks odd"))
        #expect(try await share(corner, names[0]) == "{[0,10000)}")
        let now: [String] = try await corner.connection.values(
            "select state::text from sluice.deployment where name = '\(names[1])'")
        #expect(now == [state])
        // Another may begin.
        _ = try await corner.queue.perform(.rollout(names[1], over: names[0], gates: []), why: nil)
    }

    @Test(.database(migrated: true)) func `a return by ramp begins small, and needs no controller`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        _ = try await corner.queue.perform(.setWeights(model: corner.model, weights: weights(names)), why: nil)
        _ = try await corner.queue.perform(.isolate(names[1], force: false), why: nil)
        _ = try await corner.queue.perform(.restore(names[1], byRamp: true), why: nil)
        let read = try await corner.queue.steeredDeployments()
        #expect(read[1].state == "ramping" && read[1].restoreWanted == "by_ramp")
        let buckets: Int32 = try await corner.connection.value(
            "select sluice.bucket_count(share) from sluice.deployment where name = '\(names[1])'")
        #expect(0 < buckets && buckets < 200)
        // What the controller took out comes back as well.
        let epoch = try await corner.queue.leadFleet(as: "one")
        let opened = try await orders(corner) {
            $0.deployments[1].share = "{}"
            $0.deployments[0].share = "{[0,10000)}"
            $0.deployments[1].rampPercent = nil
            $0.deployments[1].health.breaker = "open"
            $0.deployments[1].health.openUntil = .seconds(4_000_000_000)
        }
        #expect(try await corner.queue.steer(epoch: epoch, opened))
        _ = try await corner.queue.perform(.setWeights(model: corner.model, weights: weights(names)), why: nil)
        #expect(try await share(corner, names[1]) == "{}", "it is not divided to one whose breaker is open")
        _ = try await corner.queue.perform(.restore(names[1], byRamp: false), why: nil)
        #expect(try await share(corner, names[1]) != "{}")
    }

    private func weights(_ names: [String]) -> [UInt8] {
        Array(("{" + names.map { "\"\($0)\": 1" }.joined(separator: ", ") + "}").utf8)
    }

    @Test(.database(migrated: true)) func `a policy is kept as far as it makes sense`() async throws {
        let corner = try await Corner.open()
        func set(_ text: String) async throws -> String {
            try await corner.queue.perform(.setPolicy(model: corner.model, policy: Array(text.utf8)), why: nil)
        }
        _ = try await set(#"{"open_ms": 500, "steps": [5, 50], "error_percent": 2.5}"#)
        let model = try #require(try await corner.queue.steeredModels().first)
        #expect(model.open == .milliseconds(500) && model.steps == [5, 50] && model.errorPercent == 2.5)
        #expect(model.window == nil)
        #expect(try await set(#"{"open_ms": null, "steps": null, "error_percent": null}"#).hasSuffix("the defaults."))
        for wrong in [
            "[]", #"{"open": 1}"#, #"{"open_ms": "1"}"#, #"{"open_ms": 1.5}"#, #"{"open_ms": 0}"#, #"{"steps": []}"#,
            #"{"steps": [0]}"#, #"{"steps": 5}"#, #"{"error_percent": 101}"#,
        ] { #expect(try await code { _ = try await set(wrong) } == .invalidArgument, "\(wrong)") }
    }
}
