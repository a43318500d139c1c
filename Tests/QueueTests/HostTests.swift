import Postgres
import Queue
import TestSupport
import Testing

/// Hosts and the slots they claim. In databases of their own: every host sees every slot.
@Suite(.timeLimit(.minutes(2))) struct HostTests {
    private func text(_ corner: Corner, _ sql: String) async throws -> String? {
        try await corner.connection.query(Statement("host_probe", sql)).first?.decode(0, as: String?.self) ?? nil
    }

    private func rule(_ corner: Corner, _ name: String, _ json: String) async throws {
        _ = try await corner.queue.perform(.scaleBy(name, slots: nil, rule: Array(json.utf8)), why: nil)
    }

    /// Takes a host with a connection of its own.
    private func host(_ corner: Corner, _ name: String, memory: Int64? = nil, labels: String = "{}") async throws
        -> Host
    {
        let own = try await corner.another()
        #expect(try await own.queue.takeHost(name))
        let incarnation = try await own.queue.hostStarted(
            name, processID: 1, memory: memory, labels: Array(labels.utf8), incarnation: nil)
        return Host(corner: own, name: name, incarnation: incarnation)
    }

    private struct Host {
        let corner: Corner
        let name: String
        let incarnation: Int64

        /// Looks, with the processes it has, and returns what it should have of each deployment, as "workers/room".
        func look(_ processes: [String: Int32] = [:], replacing: Set<String> = []) async throws -> [String: String] {
            let found = try await corner.queue.hostLooks(
                name, incarnation: incarnation,
                processes.sorted { $0.key < $1.key }.map {
                    HostedProcesses(deployment: $0.key, processes: $0.value, isReplacing: replacing.contains($0.key))
                })
            return Dictionary(
                found.map {
                    ($0.deployment, "\($0.workers)/\($0.room)" + ($0.isReplacementRefused ? " refused" : ""))
                }
            ) { $1 }
        }
    }

    @Test(.database(migrated: true)) func `who was declared dead is named once it has had time to end`() async throws {
        let corner = try await Corner.open()
        var workers: [Int64] = []
        for _ in 0..<3 { workers.append(try await corner.worker()) }
        for (worker, isOrderly) in [(workers[0], false), (workers[1], true)] {
            _ = try await corner.queue.workerEnded(
                worker, orderly: isOrderly, cause: "a test", exitStatus: nil, signal: nil, lastWords: nil, started: nil)
        }
        #expect(try await corner.queue.dead(of: workers) == [])
        try await corner.connection.execute(
            script: "update sluice.worker set ended_at = ended_at - interval '3 seconds' where ended_at is not null")
        #expect(try await corner.queue.dead(of: workers) == [workers[0]])
        #expect(try await corner.queue.dead(of: [workers[2]]) == [])
    }

    @Test(.database(migrated: true)) func `a configuration names the variables of its secrets`() async throws {
        let corner = try await Corner.open()
        var request = DeploymentRequest(model: corner.model, name: corner.deployment, backend: "mock")
        request.configuration = Array(
            #"{"a": "env:ONE", "b": [{"c": "env:TWO"}, "env:ONE", "env:", "see env:THREE"], "env:FOUR": 1}"#.utf8)
        try await corner.queue.putDeployment(request)
        #expect(try await corner.queue.secretNames(of: corner.deployment) == ["ONE", "TWO"])
        #expect(try await corner.queue.secretNames(of: "nobody") == [])
    }

    @Test(.database(migrated: true)) func `a host has what it has memory for, until what ends has ended`() async throws
    {
        let corner = try await Corner.open()
        let name = corner.deployment
        try await rule(corner, name, #"{"memory_per_worker": 100}"#)
        _ = try await corner.queue.perform(.scale(name, workers: 5), why: nil)
        let host = try await host(corner, "h", memory: 350)
        #expect(try await host.look() == [name: "3/3"])
        #expect(try await text(corner, "select unplaced::text from sluice.scaling_status") == "2")
        #expect(try await host.look([name: 3]) == [name: "3/3"])
        // One more for the time of a replacement there is no room for.
        #expect(try await host.look([name: 3], replacing: [name]) == [name: "3/3 refused"])
        _ = try await corner.queue.perform(.scale(name, workers: 1), why: nil)
        #expect(try await host.look([name: 3]) == [name: "1/3"])
        // Two still end: what comes anew has to wait for them.
        _ = try await corner.queue.perform(.scale(name, workers: 3), why: nil)
        #expect(try await host.look([name: 3]) == [name: "1/3"])
        #expect(try await host.look([name: 2]) == [name: "2/3"])
        #expect(try await host.look([name: 3]) == [name: "2/3"])
        #expect(try await host.look([name: 2]) == [name: "3/3"])
        #expect(try await text(corner, "select memory_used::text from sluice.host_status") == "300")
        // A rule that makes its workers larger has some given up.
        try await rule(corner, name, #"{"memory_per_worker": 200}"#)
        #expect(try await host.look([name: 3]) == [name: "1/3"])
    }

    @Test(.database(migrated: true)) func `processes of the supervisor before it take room, too`() async throws {
        let corner = try await Corner.open()
        let name = corner.deployment
        try await rule(corner, name, #"{"memory_per_worker": 100}"#)
        _ = try await corner.queue.perform(.scale(name, workers: 2), why: nil)
        // The test's workers say that they run on the host "test".
        let orphan = try await corner.worker()
        let host = try await host(corner, "test", memory: 200)
        #expect(try await host.look() == [name: "1/1"])
        _ = try await corner.queue.workerEnded(orphan, orderly: true, cause: "drained")
        #expect(try await host.look([name: 1]) == [name: "2/2"])
    }

    @Test(.database(migrated: true))
    func `without memory in the rule a host takes all, and one more while it replaces`()
        async throws
    {
        let corner = try await Corner.open()
        let name = corner.deployment
        _ = try await corner.queue.perform(.scale(name, workers: 4), why: nil)
        let host = try await host(corner, "h", memory: 1)
        #expect(try await host.look() == [name: "4/4"])
        #expect(try await host.look([name: 4], replacing: [name]) == [name: "4/5"])
        #expect(try await host.look([name: 5], replacing: [name]) == [name: "4/5"])
        #expect(try await host.look([name: 5]) == [name: "4/4"])
        try await rule(corner, name, #"{"spread": "external"}"#)
        #expect(try await host.look([name: 4]) == [name: "0/4"], "somebody else starts them")
    }

    @Test(.database(migrated: true)) func `the higher priority claims first, and labels are obeyed`() async throws {
        let (corner, names) = try await Corner.open(deployments: 3)
        try await rule(corner, names[0], #"{"memory_per_worker": 100}"#)
        try await rule(corner, names[1], #"{"memory_per_worker": 100, "priority": 5}"#)
        try await rule(corner, names[2], #"{"memory_per_worker": 100, "priority": 9, "host_labels": {"gpu": "a100"}}"#)
        let plain = try await host(corner, "plain", memory: 100)
        #expect(try await plain.look() == [names[0]: "0/0", names[1]: "1/1", names[2]: "0/0"])
        let labelled = try await host(corner, "labelled", memory: 100, labels: #"{"gpu": "a100", "zone": "b"}"#)
        #expect(try await labelled.look()[names[2]] == "1/1")
        for name in names { try await rule(corner, name, #"{"max_workers": 2}"#) }
        #expect(
            try await corner.queue.scaledDeployments().map(\.hosts)
                == [["labelled", "plain"], ["labelled", "plain"], ["labelled"]])
    }

    @Test(.database(migrated: true)) func `a host that is gone, drained or told to end gives its slots to others`()
        async throws
    {
        let corner = try await Corner.open()
        let name = corner.deployment
        try await corner.set("host_grace_ms", 0)
        try await corner.set("restart_grace_ms", 0)
        _ = try await corner.queue.perform(.scale(name, workers: 2), why: nil)
        let first = try await host(corner, "first")
        let second = try await host(corner, "second")
        #expect(try await first.look() == [name: "2/2"])
        #expect(try await second.look() == [name: "0/0"])
        _ = try await corner.queue.perform(.drainHost("first"), why: nil)
        #expect(try await first.look([name: 2]) == [name: "0/2"])
        #expect(try await second.look() == [name: "2/2"])
        #expect(try await first.look([name: 0]) == [name: "0/0"])
        _ = try await corner.queue.perform(.restoreHost("first"), why: nil)
        // Its supervisor dies: the lock of its session is gone.
        second.corner.connection.close()
        try await eventually("the other has its slots") { try await first.look() == [name: "2/2"] }
        #expect(try await text(corner, "select state from sluice.host_status where host = 'second'") == "gone")
        let third = try await host(corner, "third")
        try await first.corner.queue.hostLeaves("first", incarnation: first.incarnation)
        #expect(try await third.look() == [name: "2/2"])
        #expect(
            try await code { _ = try await corner.queue.perform(.drainHost("none"), why: nil) } == .notFound)
    }

    @Test(.database(migrated: true)) func `one supervisor keeps a host, and the one before it is refused`() async throws
    {
        let corner = try await Corner.open()
        let first = try await host(corner, "h")
        let other = try await corner.another()
        #expect(try await other.queue.takeHost("h") == false)
        _ = try await first.look()
        // The same one, after its connection was lost, keeps what it has.
        let again = try await first.corner.queue.hostStarted(
            "h", processID: 1, memory: nil, labels: Array("{}".utf8), incarnation: first.incarnation)
        #expect(again == first.incarnation)
        #expect(try await first.look([corner.deployment: 1]) == [corner.deployment: "1/1"])
        let next = try await other.queue.hostStarted(
            "h", processID: 2, memory: nil, labels: Array("{}".utf8), incarnation: nil)
        #expect(next == first.incarnation + 1)
        #expect(try await code { _ = try await first.look() } == .superseded)
    }

    @Test(.database(migrated: true)) func `a slot that is offered is left to that host, for a while`() async throws {
        let corner = try await Corner.open()
        let name = corner.deployment
        _ = try await corner.queue.perform(.scale(name, workers: 2), why: nil)
        let epoch = try await corner.queue.leadFleet(as: "one")
        let (_, taken) = try await corner.queue.takeSamples(epoch: epoch)
        try await corner.queue.decided(epoch: epoch, taken: taken)
        try await corner.set("offer_ms", 3_600_000)
        let first = try await host(corner, "first")
        let second = try await host(corner, "second")
        // With a controller that places, nobody helps himself.
        #expect(try await first.look() == [name: "0/0"])
        let slots = try await corner.queue.placedSlots()
        #expect(slots.count == 2 && slots.allSatisfy { $0.hosts == ["first", "second"] })
        try await corner.queue.placeSlots(
            epoch: epoch, offers: [slots[0].id: "first", slots[1].id: "second"], givenUp: [:])
        #expect(try await first.look() == [name: "1/1"])
        #expect(try await second.look() == [name: "1/1"])
        try await corner.queue.placeSlots(epoch: epoch, offers: [:], givenUp: [slots[0].id: "a test"])
        #expect(try await first.look([name: 1]) == [name: "0/1"])
        #expect(try await text(corner, "select reason from sluice.decisions where kind = 'displaced'") == "a test")
        try await corner.set("offer_ms", 0)
        #expect(try await second.look([name: 1]) == [name: "2/2"])
    }

    @Test(.database(migrated: true)) func `hosts that claim at once never share a slot, nor exceed their memory`()
        async throws
    {
        let corner = try await Corner.open()
        let name = corner.deployment
        try await rule(corner, name, #"{"memory_per_worker": 10}"#)
        _ = try await corner.queue.perform(.scale(name, workers: 100), why: nil)
        let hosts = [
            try await host(corner, "a", memory: 305), try await host(corner, "b", memory: 205),
            try await host(corner, "c", memory: 105),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for host in hosts { group.addTask { for _ in 0..<5 { _ = try await host.look() } } }
            try await group.waitForAll()
        }
        let broken = try await text(
            corner, "select string_agg(host, ' ') from sluice.host_status where memory_used > memory_bytes")
        #expect(broken == nil)
        // What one of them passed over, because another was just looking at it, is there at the next look.
        for host in hosts { _ = try await host.look() }
        let held = try await text(
            corner,
            "select string_agg(host || ' ' || slots || ' ' || memory_used, ', ' order by host) from sluice.host_status")
        #expect(held == "a 30 300, b 20 200, c 10 100")
    }
}
