import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true), .timeLimit(.minutes(2))) struct FleetVerbTests {
    /// The buckets of each deployment of the corner's model, one after the other.
    private func buckets(_ corner: Corner) async throws -> [String: Set<Int32>] {
        let statement = Statement(
            "buckets",
            """
            select d.name, array(select g from unnest(d.share) r, generate_series(lower(r), upper(r) - 1) g)::int[]
            from sluice.deployment d join sluice.model m on m.id = d.model_id where m.name = $1::text
            """)
        var found: [String: Set<Int32>] = [:]
        for row in try await corner.connection.query(statement, corner.model) {
            found[try row.decode(0)] = Set(try row.decode(1, as: [Int32].self))
        }
        return found
    }

    @discardableResult
    private func perform(_ corner: Corner, _ verb: FleetVerb) async throws -> String {
        try await corner.queue.perform(verb, why: "a test")
    }

    private func weigh(_ corner: Corner, _ weights: [(String, Int)]) async throws {
        let text = "{" + weights.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
        try await perform(corner, .setWeights(model: corner.model, weights: Array(text.utf8)))
    }

    @Test func `an isolated deployment claims nothing, and another takes its jobs`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await weigh(corner, [(names[0], 70), (names[1], 30)])
        let (sick, sound) = (try await corner.worker(), try await corner.worker(of: names[1]))
        try await corner.enqueue(100)
        let first = try await corner.claim(sick, 10)
        #expect(first.count == 10)
        try await perform(corner, .isolate(names[0], force: false))
        #expect(try await corner.claim(sick, 100).isEmpty)
        #expect(try await corner.claim(sound, 100).count == 90)
        // What it holds it may end.
        #expect(try await corner.finish(sick, first[0], .succeeded))
        try await perform(corner, .restore(names[0], byRamp: false))
        let shares = try await buckets(corner)
        #expect(shares[names[0]]?.count == 7_000 && shares[names[1]]?.count == 3_000)
    }

    @Test func `the last one that serves is not taken out by mistake`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await perform(corner, .pause(names[1]))
        for verb in [FleetVerb.isolate(names[0], force: false), .drain(names[0], force: false)] {
            let error = await #expect(throws: QueueError.self) { try await perform(corner, verb) }
            #expect(error?.code == .nobodyServes)
        }
        try await perform(corner, .isolate(names[0], force: true))
        try await perform(corner, .resume(names[1]))
        #expect(try await buckets(corner)[names[1]]?.count == 10_000)
    }

    @Test func `a drained deployment wants no workers until it is restored`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        func wanted() async throws -> Int32? {
            try await corner.queue.wantedWorkers().first { $0.deployment == names[1] }?.workers
        }
        try await perform(corner, .scale(names[1], workers: 3))
        try await perform(corner, .drain(names[1], force: false))
        #expect(try await wanted() == 0)
        try await perform(corner, .restore(names[1], byRamp: false))
        #expect(try await wanted() == 3)
    }

    @Test func `a swap hands over exactly the same keys`() async throws {
        let (corner, names) = try await Corner.open(deployments: 3)
        try await weigh(corner, [(names[0], 60), (names[1], 40), (names[2], 0)])
        let before = try await buckets(corner)
        let error = await #expect(throws: QueueError.self) {
            try await perform(corner, .swap(old: names[0], new: names[2], force: false))
        }
        #expect(error?.code == .nobodyServes, "it has no worker yet")
        _ = try await corner.worker(of: names[2])
        try await perform(corner, .swap(old: names[0], new: names[2], force: false))
        let after = try await buckets(corner)
        #expect(after[names[2]] == before[names[0]])
        #expect(after[names[1]] == before[names[1]])
        #expect(after[names[0]] == [])
        let (other, _) = try await Corner.open(deployments: 1)
        await #expect(throws: QueueError.self) {
            try await perform(corner, .swap(old: names[0], new: other.deployment, force: true))
        }
    }

    @Test func `with tiers the lowest that serves has it all`() async throws {
        let (corner, names) = try await Corner.open(deployments: 3)
        try await perform(corner, .setTier(names[1], tier: 1))
        try await perform(corner, .setTier(names[2], tier: 1))
        try await perform(corner, .setStrategy(model: corner.model, strategy: "priority"))
        var shares = try await buckets(corner)
        #expect(shares.mapValues(\.count) == [names[0]: 10_000, names[1]: 0, names[2]: 0])
        try await perform(corner, .isolate(names[0], force: false))
        shares = try await buckets(corner)
        #expect(shares.mapValues(\.count) == [names[0]: 0, names[1]: 5_000, names[2]: 5_000])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `whatever is asked for, the parts add up, and no more keys move than must`(seed: UInt64) async throws {
        var random = SeededNumbers(seed)
        let (corner, names) = try await Corner.open(deployments: 4)
        try await perform(corner, .setStrategy(model: corner.model, strategy: "weighted"))
        var weights = Dictionary(uniqueKeysWithValues: names.map { ($0, 100) })
        for step in 0..<40 {
            let before = try await buckets(corner)
            let name = names[Int.random(in: 0..<4, using: &random)]
            switch Int.random(in: 0..<4, using: &random) {
            case 0: try await perform(corner, .isolate(name, force: true))
            case 1: try await perform(corner, .restore(name, byRamp: false))
            case 2: try await perform(corner, .drain(name, force: true))
            default:
                weights[name] = Int.random(in: 1...500, using: &random)
                try await weigh(corner, [(name, weights[name] ?? 1)])
            }
            let after = try await buckets(corner)
            let total = after.values.map(\.count).reduce(0, +)
            #expect(total == 10_000 || after.values.allSatisfy(\.isEmpty), "step \(step)")
            #expect(
                after.values.reduce(into: Set()) { $0.formUnion($1) }.count == total, "no bucket twice, step \(step)")
            // Those who gained did so by the least: nobody both lost and gained.
            for name in names {
                let (old, new) = (before[name] ?? [], after[name] ?? [])
                #expect(old.isSubset(of: new) || new.isSubset(of: old), "step \(step)")
            }
        }
    }

    @Test(arguments: [false, true])
    func `what a rollout goes back to is not taken out by mistake`(drains: Bool) async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        func out(force: Bool) -> FleetVerb {
            drains ? .drain(names[0], force: force) : .isolate(names[0], force: force)
        }
        try await perform(corner, .rollout(names[1], over: names[0], gates: []))
        let error = await #expect(throws: QueueError.self) { try await perform(corner, out(force: false)) }
        #expect(error?.code == .nobodyServes && error?.message.contains("promote that or roll it back") == true)
        #expect(try await code { try await perform(corner, .swap(old: names[0], new: names[1], force: true)) } == .busy)
        #expect(
            try await perform(corner, out(force: true)).hasSuffix("\"\(names[1])\" is over: it has everything now."))
        let state: String = try await corner.connection.value(
            "select state::text from sluice.rollouts where model = '\(corner.model)'")
        #expect(state == "promoted")
        let states: [String] = try await corner.connection.values(
            "select state::text from sluice.deployment_status where model = '\(corner.model)' order by deployment")
        #expect(states == [drains ? "draining" : "isolated", "serving"])
        let shares = try await buckets(corner)
        #expect(shares.mapValues(\.count) == [names[0]: 0, names[1]: 10_000])
    }

    @Test func `one that is to have no workers has no part while another can serve`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await weigh(corner, [(names[0], 50), (names[1], 50)])
        try await perform(corner, .scale(names[1], workers: 0))
        var shares = try await buckets(corner)
        #expect(shares.mapValues(\.count) == [names[0]: 10_000, names[1]: 0])
        let rollout = FleetVerb.rollout(names[1], over: names[0], gates: [])
        #expect(try await code { try await perform(corner, rollout) } == .invalidArgument)
        #expect(try await code { try await perform(corner, .isolate(names[0], force: false)) } == .nobodyServes)
        // One that sleeps keeps its part, or it would never wake.
        let sleeps = Array(#"{"min_workers": 0, "max_workers": 2}"#.utf8)
        try await perform(corner, .scaleBy(names[1], slots: nil, rule: sleeps))
        shares = try await buckets(corner)
        #expect(shares.mapValues(\.count) == [names[0]: 5_000, names[1]: 5_000])
        for name in names { try await perform(corner, .scale(name, workers: 0)) }
        shares = try await buckets(corner)
        #expect(shares.values.map(\.count).reduce(0, +) == 10_000, "nobody is left, and whoever comes back finds work")
        // Somebody started one by hand.
        _ = try await corner.worker(of: names[1])
        try await perform(corner, .setWeights(model: corner.model, weights: Array(#"{"\#(names[0])": 60}"#.utf8)))
        shares = try await buckets(corner)
        #expect(shares.mapValues(\.count) == [names[0]: 0, names[1]: 10_000])
    }

    @Test(arguments: ["retry_dead(at_most => null)", "cancel_where('none', at_most => null)"])
    func `no limit is not without limit`(call: String) async throws {
        let corner = try await Corner.open()
        let call = call.replacing("none", with: corner.model)
        let error = await #expect(throws: PostgresError.self) {
            try await corner.connection.execute(script: "select sluice.\(call)")
        }
        #expect(error?.sqlState == "SL003")
    }

    @Test func `weights of tenants and shares set by hand are on record`() async throws {
        let corner = try await Corner.open()
        let tenant = "tenant-of-\(corner.model)"
        try await corner.connection.execute(
            script: """
                select sluice.put_tenant('\(tenant)', 5), sluice.put_tenant('\(tenant)', 5);
                select sluice.put_tenant('\(tenant)', 7, 'they pay more');
                select sluice.set_share('\(corner.deployment)', '{[0,10)}', why => 'a test');
                """)
        let told: [String] = try await corner.connection.values(
            """
            select format('%s %s>%s %s', verb, before, after, why) from sluice.audit
            where subject in ('tenant \(tenant)', 'deployment \(corner.deployment)') and verb <> 'put_deployment' order by id
            """)
        #expect(
            told == [
                "put_tenant >5 ", "put_tenant 5>7 they pay more", #"set_share "{[0,10000)}">"{[0,10)}" a test"#,
            ])
    }

    @Test func `a newcomer where weights count gets nothing until it is given some`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await weigh(corner, [(names[0], 1)])
        let late = corner.deployment + "-late"
        try await corner.queue.putDeployment(
            DeploymentRequest(model: corner.model, name: late, backend: "mock"))
        #expect(try await buckets(corner)[late] == [])
    }

    @Test func `what cannot be is refused`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        func weights(_ text: String) -> FleetVerb { .setWeights(model: corner.model, weights: Array(text.utf8)) }
        let refused: [(FleetVerb, QueueError.Code)] = [
            (.isolate("nobody", force: true), .unknownDeployment), (.scale("nobody", workers: 1), .unknownDeployment),
            (.scale(names[0], workers: 1_001), .invalidArgument), (.scale(names[0], workers: -1), .invalidArgument),
            (.setTier(names[0], tier: 101), .invalidArgument), (weights("[]"), .invalidArgument),
            (weights("{}"), .invalidArgument), (weights(#"{"nobody": 1}"#), .unknownDeployment),
            (weights(#"{"\#(names[0])": 10001}"#), .invalidArgument),
            (weights(#"{"\#(names[0])": -1}"#), .invalidArgument),
            (weights(#"{"\#(names[0])": "1"}"#), .invalidArgument),
            (weights(#"{"\#(names[0])": 0, "\#(names[1])": 0}"#), .invalidArgument),
            (.setStrategy(model: "nobody", strategy: "weighted"), .unknownModel),
            (.swap(old: names[0], new: names[0], force: true), .invalidArgument),
            (.retryDead(model: "nobody", atMost: 1), .unknownModel),
            (.retryDead(model: nil, atMost: 0), .invalidArgument),
            (.cancelWhere(.init()), .invalidArgument),
        ]
        for (verb, wanted) in refused {
            let error = await #expect(throws: QueueError.self) { try await perform(corner, verb) }
            #expect(error?.code == wanted, "\(verb)")
        }
    }

    @Test func `dead jobs are queued again, and chosen ones cancelled`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        let jobs = try await corner.enqueue(3)
        for job in try await corner.claim(worker, 3) { try await corner.finish(worker, job, .failed) }
        #expect(
            try await perform(corner, .retryDead(model: corner.model, atMost: 2)) == "2 dead jobs are queued again.")
        #expect(try await corner.state(jobs[0]) == .queued)
        #expect(try await corner.state(jobs[2]) == .failed)
        _ = try await corner.claimOne(worker)
        var selection = FleetVerb.JobSelection()
        selection.model = corner.model
        selection.olderThanSeconds = 3_600
        #expect(try await perform(corner, .cancelWhere(selection)).hasPrefix("0 waiting"))
        selection.olderThanSeconds = 0
        selection.includesRunning = true
        #expect(
            try await perform(corner, .cancelWhere(selection))
                == "1 waiting jobs are cancelled, 1 running ones told to stop.")
        #expect(try await corner.violations() == [])
    }

    @Test func `every change is on record, with who, what it was, and why`() async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await corner.queue.actAs("alice")
        try await perform(corner, .isolate(names[0], force: false))
        try await perform(corner, .isolate(names[0], force: false))
        let rows = try await corner.connection.query(
            Statement(
                "audit",
                """
                select a.actor, a.verb, a.why, a.before->>'state', a.after->>'state' from sluice.audit a
                where a.subject = $1::text order by a.id
                """), "deployment \(names[0])")
        #expect(rows.count == 2, "what changes nothing is no change")
        #expect(try rows[0].decode(1, as: String.self) == "put_deployment")
        let row = try #require(rows.last).decode((String, String, String, String, String).self)
        #expect(row == ("alice", "isolate", "a test", "serving", "isolated"))
        let reason: String = try await corner.connection.value(
            "select reason from sluice.decisions where subject = 'deployment \(names[0])' and kind = 'isolate'")
        #expect(reason.hasSuffix("(a test)"))
    }
}
