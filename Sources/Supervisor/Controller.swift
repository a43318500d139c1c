import Fleet
import Logging
import Postgres
import Queue
import Telemetry

/// Steers the fleet while this supervisor leads: takes in what workers tell, lets one `ControlledModel` a model decide, and
/// writes that down.
///
/// Looks once an interval, and as soon as a worker tells of failures or an operator changes something. All it writes
/// carries the epoch of its lead; when another leads it ends. It works on the connection that holds the lead: without
/// that there is nothing to write.
struct Controller: Sendable {
    /// The least time between two looks, however much there is to hear.
    private static let spacing = Duration.milliseconds(20)

    let queue: Queue
    /// Of this lead.
    let epoch: Int64
    let interval: Duration
    let logger: Logger

    /// Steers until the task is cancelled. Returns sooner when another supervisor leads.
    ///
    /// - Parameter wakes: yields when there is something to hear.
    func run(_ wakes: AsyncStream<Void>) async {
        let (looks, look) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask { for await _ in wakes { look.yield() } }
            group.addTask {
                while !Task.isCancelled {
                    look.yield()
                    do { try await Task.sleep(for: interval) } catch { return }
                }
            }
            await steer(looks, again: look)
            group.cancelAll()
        }
    }

    private func steer(_ looks: AsyncStream<Void>, again: AsyncStream<Void>.Continuation) async {
        var complaint = Complaint("Steering the fleet", logger)
        var models: [Int32: ControlledModel] = [:]
        var now = Duration.zero
        for await _ in looks {
            do throws(QueueError) {
                if try await look(&models, &now) { again.yield() }
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
    private func look(
        _ models: inout [Int32: ControlledModel], _ now: inout Duration
    ) async throws(QueueError) -> Bool {
        var random = SystemRandomNumberGenerator()
        let (samples, taken) = try await queue.takeSamples(epoch: epoch)
        // The database's clock may be set back; the machines' never goes back.
        now = max(now, taken)
        let declared = try await queue.steeredModels()
        let deployments = Dictionary(grouping: try await queue.steeredDeployments(), by: \.model)
        let rollouts = Dictionary(try await queue.steeredRollouts().map { ($0.model, $0) }) { $1 }
        var isStale = false
        for model in declared {
            let members = deployments[model.id] ?? []
            let rollout = rollouts[model.id]
            var controlled = models[model.id] ?? ControlledModel(model, members, rollout, at: now)
            let orders = controlled.look(model, members, rollout, samples, at: now, using: &random)
            models[model.id] = controlled
            guard let orders else { continue }
            if try await queue.steer(epoch: epoch, orders) {
                models[model.id]?.written(orders, members)
                tell(orders)
            } else {
                models[model.id]?.refused()
                isStale = true
            }
        }
        try await queue.decided(epoch: epoch, taken: taken)
        return isStale || samples.count >= 10_000
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
