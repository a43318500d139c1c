import Domain
import Fleet
import Testing

@testable import Queue
@testable import Supervisor

/// What the controller makes of rows, without a database.
struct ControlledModelTests {
    /// What SQL would hold: orders are applied to it as `sluice.steer` applies them.
    private struct Table {
        var model = SteeredModel.sample()
        var deployments: [SteeredDeployment]
        var rollout: SteeredRollout?
        var controlled: ControlledModel
        var now = Duration.seconds(1_000_000)
        var random = SystemRandomNumberGenerator()

        init(_ deployments: [SteeredDeployment], rollout: SteeredRollout? = nil) {
            self.deployments = deployments
            self.rollout = rollout
            controlled = ControlledModel(model, deployments, rollout, at: now)
        }

        /// One look a second after the last, with these samples; the orders are written unless they are refused.
        @discardableResult
        mutating func look(_ samples: [(Int32, AttemptSample)] = [], isRefused: Bool = false) -> SteeringOrders? {
            now += .seconds(1)
            let orders = controlled.look(
                model, deployments, rollout, samples.map { (deployment: $0.0, sample: $0.1) }, at: now,
                using: &random)
            guard let orders else { return nil }
            if isRefused {
                controlled.refused()
                return orders
            }
            controlled.written(orders, deployments)
            for (index, order) in orders.deployments.enumerated() {
                deployments[index].health = order.health
                deployments[index].restoreWanted = nil
                deployments[index].stage += order.beginsStage ? 1 : 0
                if let share = order.share { deployments[index].share = share }
            }
            if let next = orders.rollout {
                rollout?.state = next.state
                rollout?.percent = next.percent
                rollout?.isSeen = true
            }
            return orders
        }

        /// A look that leads to orders.
        mutating func ordered(
            _ samples: [(Int32, AttemptSample)] = [], isRefused: Bool = false
        ) throws -> SteeringOrders {
            guard let orders = look(samples, isRefused: isRefused) else { throw NothingOrdered() }
            return orders
        }

        struct NothingOrdered: Error {}
    }

    private func sample(stage: Int32 = 0, ok: Int = 0, failed: Int = 0) -> AttemptSample {
        var sample = AttemptSample(stage: stage)
        sample.succeeded = Int32(ok)
        if failed > 0 { sample.failed = [.retryable: Int32(failed)] }
        sample.run = [Int32(ok + failed), 0, Int32(failed), Int32(failed)]
        (sample.latencyBins, sample.latencyCounts) = ok > 0 ? ([5], [Int32(ok)]) : ([], [])
        return sample
    }

    private func pair() -> Table {
        var table = Table([.sample(1, "a"), .sample(2, "b")])
        table.look()
        return table
    }

    @Test func `one that fails loses its share, and orders that were refused are given again`() throws {
        var table = pair()
        let refused = try table.ordered([(1, sample(failed: 4))], isRefused: true)
        let written = try table.ordered()
        for orders in [refused, written] {
            #expect(orders.deployments[0].share == "{}" && orders.deployments[1].share == nil)
            #expect(orders.deployments[0].health.breaker == "open" && orders.deployments[0].beginsStage)
            #expect(orders.decisions.map(\.kind) == ["opened", "shares"])
        }
        #expect(written.decisions[1].reason == "shares: a 100% → 0%")
        let more = table.look()
        #expect(more == nil, "nothing is written twice")
    }

    @Test func `one that is to have no workers loses its share, and gets it back when it is to have some`() throws {
        var table = pair()
        (table.deployments[0].isManned, table.deployments[0].capacity) = (false, 0)
        let gone = try table.ordered()
        #expect(gone.deployments[0].share == "{}" && gone.deployments[1].share == nil)
        #expect(gone.deployments[0].health.breaker == "closed")
        table.deployments[0].isManned = true
        let back = try table.ordered()
        #expect(back.deployments[0].share == "{[0,10000)}")
    }

    @Test func `what operators say of the sample is for the breaker and for the score`() {
        var model = SteeredModel.sample()
        model.minimumSample = 7
        let policy = ModelPolicy(model)
        #expect(policy.breaker.minimumSample == 7 && policy.health.minimumSample == 7)
    }

    @Test func `a probe and a ramp are judged by what was claimed in them`() throws {
        var table = pair()
        table.look([(1, sample(failed: 4))])
        table.now += .seconds(60)
        let probing = try table.ordered()
        #expect(probing.deployments[0].wantsProbe && probing.deployments[0].beginsStage)
        let stage = table.deployments[0].stage
        table.look([(1, sample(stage: stage - 1, ok: 50, failed: 50))])
        #expect(table.deployments[0].health.breaker == "probing", "those were claimed before")
        let ramping = try table.ordered([(1, sample(stage: stage, ok: 1))])
        #expect(ramping.deployments[0].health.percent == 1 && ramping.deployments[0].rampPercent == 1)
        #expect(ramping.deployments[0].share == "{[0,100)}")
        table.deployments[0].isProbeLost = true
        let later = table.look()
        #expect(later?.deployments[0].wantsProbe != true, "no probe is wanted any more")
    }

    @Test func `a probe that was lost is asked for again`() throws {
        var table = pair()
        table.look([(1, sample(failed: 4))])
        table.now += .seconds(60)
        table.look()
        let quiet = table.look()
        #expect(quiet == nil)
        table.deployments[0].isProbeLost = true
        let again = try table.ordered()
        #expect(again.deployments[0].wantsProbe)
    }

    @Test func `another controller goes on where the first was`() throws {
        var table = pair()
        table.look([(1, sample(failed: 4))])
        var next = Table(table.deployments)
        next.now = table.now
        next.controlled = ControlledModel(next.model, next.deployments, nil, at: next.now)
        let first = next.look()
        #expect(first == nil, "there is nothing to change")
        next.now += .seconds(60)
        let probing = try next.ordered()
        #expect(probing.deployments[0].health.breaker == "probing")
    }

    @Test func `an operator's word is obeyed, and not undone`() throws {
        var table = pair()
        (table.deployments[0].state, table.deployments[0].share) = ("isolated", "{}")
        let isolated = try table.ordered()
        #expect(isolated.deployments[0].health.breaker == "isolated")
        let quiet = table.look([(1, sample(ok: 100))])
        #expect(quiet == nil)
        (table.deployments[0].state, table.deployments[0].rampPercent) = ("ramping", 1)
        (table.deployments[0].share, table.deployments[0].restoreWanted) = ("{[0,100)}", "by_ramp")
        let ramping = try table.ordered()
        #expect(ramping.deployments[0].health.percent == 1)
        table.deployments[0].restoreWanted = "at_once"
        let served = try table.ordered()
        #expect(served.deployments[0].health.breaker == "closed" && served.deployments[0].share == "{[0,10000)}")
    }

    @Test func `a rollout is taken up, judged, and ends in SQL`() throws {
        var table = pair()
        (table.deployments[1].state, table.deployments[1].share) = ("isolated", "{}")
        table.look()
        (table.deployments[1].state, table.deployments[1].rampPercent) = ("ramping", 1)
        table.deployments[1].share = "{[0,100)}"
        table.rollout = SteeredRollout(
            model: 1, id: 7, candidate: 2, baseline: 1, state: "running", percent: 1, gates: [], reason: "",
            isSeen: false)
        let begun = try table.ordered()
        #expect(begun.deployments[0].share == "{[100,10000)}" && begun.deployments[1].beginsStage)
        let stage = table.deployments[1].stage
        let ended = try table.ordered([(1, sample(ok: 100)), (2, sample(stage: stage, ok: 10, failed: 4))])
        #expect(ended.rollout?.state == "rolled_back" && ended.rollout?.id == 7)
        #expect(ended.deployments[0].share == "{[0,10000)}" && ended.deployments[1].share == "{}")
        #expect(ended.decisions.contains { $0.kind == "rolled_back" })
    }
}

extension SteeredModel {
    fileprivate static func sample() -> SteeredModel {
        SteeredModel(id: 1, name: "m", strategy: "least_busy", steps: [])
    }
}

extension SteeredDeployment {
    fileprivate static func sample(_ id: Int32, _ name: String) -> SteeredDeployment {
        SteeredDeployment(
            model: 1, id: id, name: name, version: 1, state: "serving", stateReason: "", share: "{[0,10000)}",
            rampPercent: nil, stage: 0, weight: 100, tier: 0, capacity: 8, heartbeatAge: .seconds(1), memory: nil,
            isWell: nil, health: SteeredHealth(), isProbeLost: false, restoreWanted: nil, isManned: true)
    }
}
