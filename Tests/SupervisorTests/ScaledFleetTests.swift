import Fleet
import Testing

@testable import Queue
@testable import Supervisor

struct ScaledFleetTests {
    private static let rule = """
        {"min_workers": 0, "max_workers": 4, "scaler": "request_count", "objective_ms": 30000, "per_worker": 2, \
        "utilization": 0.7, "query": null, "query_timeout_ms": 1000, "schedule": [], "up_stabilisation_ms": 0, \
        "down_stabilisation_ms": 0, "idle_timeout_ms": 0, "memory_per_worker": 100, "priority": 0, "budget": null, \
        "batch_scales": true, "attainment": 0.99, "miss_price": 1800, "forecast": false, "preload": false}
        """
    private var fleet = ScaledFleet()
    private var now: Int64 = 1_800_000_000_000

    private func deployment(
        _ rule: String = Self.rule, desired: Int32 = 0, memory: String? = nil, cause: String = ""
    ) -> ScaledDeployment {
        ScaledDeployment(
            id: 1, name: "d", slots: 1, rule: rule, desired: desired, memory: memory, cause: cause, hosts: ["h"])
    }

    /// A second later, with so many jobs that wait.
    private mutating func look(
        waiting: Int32 = 0, arrivals: Int32 = 0, starts: [Int64] = [], numbers: [Int32: Double] = [:], free: Int = 0,
        ready: Int32 = 0, slots: [Placement.Slot] = [], after milliseconds: Int64 = 1_000
    ) -> [ScalingOrder] {
        now += milliseconds
        let look = ScalingLook(
            deployment: 1, arrivals: arrivals, waitingAges: waiting > 0 ? [500] : [],
            waitingCounts: waiting > 0 ? [waiting] : [], waitingBatch: 0, running: 0, runningBatch: 0, ready: ready,
            busy: 0,
            startingAges: [], starts: starts, startsFailed: 0, runTimes: [], startedInTime: 0, startedLate: 0,
            taken: now, lastJob: 0)
        let used = slots.reduce(0) { $0 + ($1.host == nil ? 0 : $1.memory) }
        return fleet.decide(
            [look], numbers: numbers, hosts: [.init(name: "h", memory: free + used, used: used)], slots: slots)
    }

    @Test mutating func `what changed is written at once, what did not now and then`() {
        #expect(fleet.declare([deployment()]) == [])
        #expect(look().map(\.workers) == [0], "the first look says how it is")
        #expect(look().isEmpty)
        let orders = look(waiting: 5)
        #expect(orders.map(\.workers) == [3] && orders[0].hasChanged && orders[0].inputs.contains("\"waiting\""))
        fleet.written()
        #expect(look(waiting: 5).filter(\.hasChanged).isEmpty)
        let later = look(waiting: 5, after: 20_000)
        #expect(later.map(\.workers) == [3] && !later[0].hasChanged && later[0].memory == nil)
        #expect(
            look(waiting: 5, after: 100_000).first?.memory != nil, "what was learned is kept for the next controller")
        // What was not taken is said again.
        fleet.refused()
        #expect(look(waiting: 5).map(\.workers) == [3])
    }

    @Test mutating func `a decision is said until it is a row`() {
        #expect(fleet.declare([deployment()]) == [])
        _ = look()
        fleet.written()
        let first = look(waiting: 5)
        #expect(first.map(\.hasChanged) == [true])
        fleet.refused()
        // The number is decided; that it was has not been written.
        let again = look(waiting: 5)
        #expect(again.map(\.hasChanged) == [true])
        #expect(again.map(\.reason) == first.map(\.reason) && again.map(\.inputs) == first.map(\.inputs))
        #expect(again[0].cause == first[0].cause && again[0].memory != nil)
        // Whoever decides anew meanwhile says that.
        fleet.refused()
        let more = look(waiting: 8)
        #expect(more.map(\.workers) == [4] && more[0].hasChanged && more[0].reason.hasPrefix("3 → 4"))
        fleet.written()
        #expect(look(waiting: 8).filter(\.hasChanged).isEmpty)
        #expect(look(waiting: 8, after: 20_000).map(\.hasChanged) == [false])
    }

    @Test mutating func `the next controller goes on as this one would have`() throws {
        let rule = Self.rule.replacing("\"preload\": false", with: "\"preload\": true")
        #expect(fleet.declare([deployment(rule)]) == [])
        _ = look(free: 1_000)
        _ = look(waiting: 1, arrivals: 10, starts: [3_000], free: 1_000)
        let warm = look(free: 1_000, after: 61_000)
        #expect(warm.map(\.cause) == ["preload"] && warm[0].memory != nil)
        let own = Placement.Slot(id: 1, deployment: "d", memory: 100, hosts: ["h"], host: "h")
        let other = Placement.Slot(id: 2, deployment: "e", memory: 100, hosts: ["h"])
        fleet = ScaledFleet()
        #expect(
            fleet.declare([deployment(rule, desired: 1, memory: warm[0].memory, cause: "preload")]) == [])
        let next = look(ready: 1, slots: [own])
        #expect(next.map(\.workers) == [1] && next[0].cause == "preload" && !next[0].hasChanged, "\(next)")
        #expect(next[0].reason == warm[0].reason)
        // Work that waits for the memory gets it.
        let cold = look(ready: 1, slots: [own, other])
        #expect(cold.map(\.workers) == [0] && cold[0].hasChanged)
    }

    @Test mutating func `what cannot be read, or was counted otherwise, is learned anew`() throws {
        #expect(fleet.declare([deployment()]) == [])
        let memory = try #require(look(waiting: 5)[0].memory)
        for text in ["[]", memory.replacing("\"bins\":[", with: "\"bins\":[1,")] {
            fleet = ScaledFleet()
            #expect(
                fleet.declare([deployment(memory: text)])
                    == ["What was learned of d cannot be read; it is learned anew."])
            #expect(look(waiting: 5).map(\.workers) == [3])
        }
        fleet = ScaledFleet()
        #expect(fleet.declare([deployment(memory: memory)]) == [])
    }

    @Test mutating func `money for an hour ends with the workers it pays, and the reason says so`() {
        let priced = Self.rule.replacing(
            "\"budget\": null", with: "\"budget\": null, \"price_per_hour\": 60, \"money_per_hour\": 2")
        #expect(fleet.declare([deployment(priced)]) == [])
        // Two for an hour of 60 each: 120 worker-seconds, two workers for the next minute.
        let orders = look(waiting: 8)
        #expect(orders.map(\.workers) == [2] && orders[0].cause == "budget")
        #expect(orders[0].reason.hasSuffix("the budget of the hour is used up: 0.0 of 2.0 were spent"), "\(orders[0])")
        #expect(orders[0].inputs.contains("\"money_per_hour\": 2"), "\(orders[0].inputs)")
    }

    @Test mutating func `a rule that changes is obeyed at the next look, one that cannot be read is said`() {
        #expect(fleet.declare([deployment()]) == [])
        #expect(look(waiting: 8).map(\.workers) == [4])
        let tighter = Self.rule.replacing("\"max_workers\": 4", with: "\"max_workers\": 2")
        #expect(fleet.declare([deployment(tighter)]) == [])
        #expect(look(waiting: 8).map(\.workers) == [2])
        let impossible = Self.rule.replacing("\"min_workers\": 0", with: "\"min_workers\": 9")
        #expect(fleet.declare([deployment(impossible)]).first?.contains("min_workers (9)") == true)
        #expect(look(waiting: 8).isEmpty, "it stays as it is")
        #expect(fleet.declare([]) == [] && look(waiting: 8).isEmpty)
    }

    @Test mutating func `without the number of the operator's query nothing is decided`() {
        let rule = Self.rule.replacing("request_count", with: "sql").replacing(
            "\"query\": null", with: "\"query\": \"select 7\"")
        #expect(fleet.declare([deployment(rule, desired: 2)]) == [])
        #expect(fleet.queries[1]?.text == "select 7")
        #expect(look().map(\.workers) == [2])
        #expect(look(numbers: [1: 7]).map(\.workers) == [4])
        fleet.written()
        #expect(look(numbers: [:]).filter(\.hasChanged).isEmpty)
    }

    @Test mutating func `one that is preloaded stays while it is worth its memory`() {
        let rule = Self.rule.replacing("\"preload\": false", with: "\"preload\": true")
        #expect(fleet.declare([deployment(rule)]) == [])
        #expect(look(free: 1_000).map(\.workers) == [0], "what never came is worth nothing")
        _ = look(waiting: 1, arrivals: 10, starts: [3_000], free: 1_000)
        _ = look(free: 1_000)
        let warm = look(free: 1_000, after: 20_000)
        #expect(warm.map(\.workers) == [1] && warm[0].cause == "preload" && warm[0].reason.contains("stays warm"))
        let cold = look(free: 50)
        #expect(cold.map(\.workers) == [0] && cold[0].hasChanged, "somebody else wants the memory")
    }
}
