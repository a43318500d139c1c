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

    private func deployment(_ rule: String = Self.rule, desired: Int32 = 0) -> ScaledDeployment {
        ScaledDeployment(id: 1, name: "d", slots: 1, rule: rule, desired: desired, memory: nil)
    }

    /// A second later, with so many jobs that wait.
    private mutating func look(
        waiting: Int32 = 0, arrivals: Int32 = 0, starts: [Int64] = [], numbers: [Int32: Double] = [:], free: [Int] = [],
        after milliseconds: Int64 = 1_000
    ) -> [ScalingOrder] {
        now += milliseconds
        let look = ScalingLook(
            deployment: 1, arrivals: arrivals, waitingAges: waiting > 0 ? [500] : [],
            waitingCounts: waiting > 0 ? [waiting] : [], waitingBatch: 0, running: 0, ready: 0, busy: 0,
            startingAges: [], starts: starts, startsFailed: 0, runTimes: [], startedInTime: 0, startedLate: 0,
            taken: now, lastJob: 0)
        return fleet.decide([look], numbers: numbers, free: free)
    }

    @Test mutating func `what changed is written at once, what did not now and then`() {
        #expect(fleet.declare([deployment()]) == [])
        #expect(look().map(\.workers) == [0], "the first look says how it is")
        #expect(look().isEmpty)
        let orders = look(waiting: 5)
        #expect(orders.map(\.workers) == [3] && orders[0].hasChanged && orders[0].inputs.contains("\"waiting\""))
        #expect(look(waiting: 5).filter(\.hasChanged).isEmpty)
        let later = look(waiting: 5, after: 20_000)
        #expect(later.map(\.workers) == [3] && !later[0].hasChanged && later[0].memory == nil)
        #expect(
            look(waiting: 5, after: 100_000).first?.memory != nil, "what was learned is kept for the next controller")
        // What was not taken is said again.
        fleet.refused()
        #expect(look(waiting: 5).map(\.workers) == [3])
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
        #expect(look(numbers: [:]).filter(\.hasChanged).isEmpty)
    }

    @Test mutating func `one that is preloaded stays while it is worth its memory`() {
        let rule = Self.rule.replacing("\"preload\": false", with: "\"preload\": true")
        #expect(fleet.declare([deployment(rule)]) == [])
        #expect(look(free: [1_000]).map(\.workers) == [0], "what never came is worth nothing")
        _ = look(waiting: 1, arrivals: 10, starts: [3_000], free: [1_000])
        _ = look(free: [1_000])
        let warm = look(free: [1_000], after: 20_000)
        #expect(warm.map(\.workers) == [1] && warm[0].cause == "preload" && warm[0].reason.contains("stays warm"))
        let cold = look(free: [50])
        #expect(cold.map(\.workers) == [0] && cold[0].hasChanged, "somebody else wants the memory")
    }
}
