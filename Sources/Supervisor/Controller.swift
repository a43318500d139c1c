import Fleet
import Logging
import Postgres
import Queue
import Synchronization
import Telemetry

/// Steers the fleet while this supervisor leads: takes in what workers tell, lets one `ControlledModel` a model decide, and
/// writes that down.
///
/// Looks once an interval, and as soon as a worker tells of failures or an operator changes something; for jobs that are
/// late, where a model hedges, every tenth of a second. All it writes
/// carries the epoch of its lead; when another leads it ends. It works on the connection that holds the lead: without
/// that there is nothing to write.
struct Controller: Sendable {
    /// The least time between two looks, however much there is to hear.
    private static let spacing = Duration.milliseconds(20)
    /// The most time between two looks for late jobs, where there are second attempts.
    private static let hedgeInterval = Duration.milliseconds(100)

    let queue: Queue
    /// Of this lead.
    let epoch: Int64
    let interval: Duration
    let logger: Logger

    /// Steers until the task is cancelled. Returns sooner when another supervisor leads.
    ///
    /// - Parameter wakes: yields when there is something to hear.
    func run(_ wakes: AsyncStream<Void>) async {
        let demand = Demand()
        await withDiscardingTaskGroup { group in
            group.addTask { for await _ in wakes { demand.look() } }
            group.addTask {
                while !Task.isCancelled {
                    demand.look()
                    do { try await Task.sleep(for: interval) } catch { return }
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    do { try await Task.sleep(for: Self.hedgeInterval) } catch { return }
                    demand.hedge()
                }
            }
            await steer(demand)
            group.cancelAll()
        }
    }

    /// What the loop is to do next. However often it is asked for before, it is done once.
    private final class Demand: Sendable {
        let turns: AsyncStream<Void>
        private let turn: AsyncStream<Void>.Continuation
        private let state = Mutex((wantsLook: false, hedges: false))

        init() { (turns, turn) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

        /// Everything is to be looked at.
        func look() {
            state.withLock { $0.wantsLook = true }
            turn.yield()
        }

        /// Late jobs are to be looked for, if anybody is interested.
        func hedge() { if state.withLock({ $0.hedges }) { turn.yield() } }

        /// Whether everything is to be looked at in this turn.
        func take() -> Bool {
            state.withLock { state in
                defer { state.wantsLook = false }
                return state.wantsLook
            }
        }

        /// Whether some model hedges.
        func found(hedges: Bool) { state.withLock { $0.hedges = hedges } }
    }

    private func steer(_ demand: Demand) async {
        var complaint = Complaint("Steering the fleet", logger)
        var models: [Int32: ControlledModel] = [:]
        var now = Duration.zero
        var locked: Set<String> = []
        for await _ in demand.turns {
            do throws(QueueError) {
                if demand.take() {
                    if try await look(&models, &now, &locked) { demand.look() }
                    demand.found(hedges: models.values.contains(where: \.hedges))
                }
                try await hedge(&models, at: now)
                complaint.succeeded()
            } catch {
                if Task.isCancelled { return }
                // What was decided may or may not be written: what is there is read again.
                for id in models.keys { models[id]?.refused() }
                if error.code == .superseded {
                    logger.warning("Another supervisor steers the fleet; this one stops.")
                    return
                }
                complaint.failed(error)
            }
            do { try await Task.sleep(for: Self.spacing) } catch { return }
        }
    }

    /// One look at everything. Returns whether another should follow at once.
    ///
    /// - Parameter locked: the models that could not be steered at the last look.
    private func look(
        _ models: inout [Int32: ControlledModel], _ now: inout Duration, _ locked: inout Set<String>
    ) async throws(QueueError) -> Bool {
        var random = SystemRandomNumberGenerator()
        let (samples, taken) = try await queue.takeSamples(epoch: epoch)
        // The database's clock may be set back; the machines' never goes back.
        now = max(now, taken)
        let declared = try await queue.steeredModels()
        let deployments = Dictionary(grouping: try await queue.steeredDeployments(), by: \.model)
        let rollouts = Dictionary(try await queue.steeredRollouts().map { ($0.model, $0) }) { $1 }
        var isStale = false
        var waiting: Set<String> = []
        for model in declared {
            let members = deployments[model.id] ?? []
            let rollout = rollouts[model.id]
            var controlled = models[model.id] ?? ControlledModel(model, members, rollout, at: now)
            let orders = controlled.look(model, members, rollout, samples, at: now, using: &random)
            models[model.id] = controlled
            guard let orders else { continue }
            do throws(QueueError) {
                if try await queue.steer(epoch: epoch, orders) {
                    models[model.id]?.written(orders, members)
                    tell(orders)
                } else {
                    models[model.id]?.refused()
                    isStale = true
                }
            } catch {
                guard error.code == .locked else { throw error }
                // An operator's transaction is open. It is for the others to go on, and for this one to wait.
                models[model.id]?.refused()
                waiting.insert(model.name)
            }
        }
        tell(locked: waiting, before: locked)
        locked = waiting
        try await queue.decided(epoch: epoch, taken: taken)
        return isStale || samples.count >= 10_000
    }

    /// Begins second attempts for jobs that are late.
    private func hedge(_ models: inout [Int32: ControlledModel], at now: Duration) async throws(QueueError) {
        for id in models.keys.sorted() {
            guard let order = models[id]?.hedge(at: now) else { continue }
            let count: Int32
            do throws(QueueError) {
                count = try await queue.hedge(epoch: epoch, model: id, heldFor: order.after, limit: order.limit)
            } catch {
                // The next look for late jobs is near.
                guard error.code == .locked else { throw error }
                continue
            }
            guard count > 0 else { continue }
            models[id]?.hedged(Int(count))
            logger.debug(
                "Second attempts were begun for late jobs.",
                metadata: ["model": "\(id)", LogKey.count: "\(count)", "after": "\(order.after)"])
        }
    }

    /// Says once of each model that it cannot be steered, and that it can again.
    private func tell(locked: Set<String>, before: Set<String>) {
        for name in locked.subtracting(before).sorted() {
            logger.warning(
                "A model is not steered: somebody's open transaction keeps it locked.",
                metadata: [LogKey.model: "\(name)"])
        }
        for name in before.subtracting(locked).sorted() {
            logger.notice("A model is steered again.", metadata: [LogKey.model: "\(name)"])
        }
    }

    private func tell(_ orders: SteeringOrders) {
        for decision in orders.decisions {
            let kind = Decision.Kind(rawValue: decision.kind)
            let level: Logger.Level =
                switch kind {
                case .panic, .rolledBack: .error
                case .opened, .warning: .warning
                default: .notice
                }
            logger.log(
                level: level, "The controller decided.",
                metadata: [
                    LogKey.reason: "\(decision.reason)", "decision": "\(decision.kind)",
                    "subject": "\(decision.subject)",
                ])
        }
    }
}
