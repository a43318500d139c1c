import Fleet
package import Logging
package import Postgres
import Queue
import ServiceLifecycle
import Telemetry

/// Keeps the queue in shape: queues due jobs, ends expired ones, gives stand-ins what nobody serves, ends second attempts
/// nobody needs, takes leases of the dead back, settles batches, sweeps
/// rings, makes partitions, reports on experiments.
///
/// Every function it calls may be called by several at a time, so that two supervisors that both believe to lead do no
/// harm. Two connections: what must be prompt does not wait behind what may wait for locks. Nothing the database says ends
/// it; each cause is logged once.
package struct Maintenance: Service {
    private let database: ConnectionConfiguration
    private let logger: Logger

    /// The maintenance of the queue in `database`.
    package init(database: ConnectionConfiguration, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Works until the task is cancelled, or graceful shutdown begins.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await keep("prompt", lockTimeout: .seconds(2), prompt) }
                group.addTask { await keep("patient", lockTimeout: .milliseconds(200), patient) }
            }
        }
    }

    private func prompt(_ queue: Queue) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await promote(queue) }
            group.addTask {
                await repeating("Ending expired jobs") { try await queue.expire() >= 1000 ? .zero : .milliseconds(250) }
            }
            group.addTask {
                await repeating("Falling back") {
                    try await queue.fallBack() >= 1000 ? .zero : .milliseconds(500)
                }
            }
            group.addTask {
                await repeating("Tending second attempts") {
                    _ = try await queue.tendHedges()
                    return .milliseconds(500)
                }
            }
            group.addTask {
                await repeating("Looking for overdue jobs") {
                    _ = try await queue.findOverdue()
                    return .seconds(1)
                }
            }
            group.addTask {
                await repeating("Reaping dead workers") {
                    for reaped in try await queue.reap() {
                        logger.warning(
                            "A worker was declared dead.",
                            metadata: [
                                LogKey.worker: "\(reaped.worker)", LogKey.reason: "\(reaped.cause)",
                                "returned": "\(reaped.returned)",
                            ])
                    }
                    return .milliseconds(250)
                }
            }
            group.addTask {
                await repeating("Settling batches") {
                    try await queue.settleBatches() > 0 ? .milliseconds(100) : .milliseconds(250)
                }
            }
        }
    }

    private func patient(_ queue: Queue) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                await repeating("Making partitions") {
                    let made = try await queue.ensurePartitions()
                    if made > 0 { logger.info("Partitions were made.", metadata: [LogKey.count: "\(made)"]) }
                    return .seconds(30)
                }
            }
            group.addTask {
                var pace = SweepPace()
                await repeating("Sweeping rings") {
                    let did = try await queue.sweep()
                    if !did.isEmpty { logger.debug("Rings were swept.", metadata: [LogKey.reason: "\(did)"]) }
                    return pace.swept(did)
                }
            }
            group.addTask {
                await repeating("Forgetting pieces of answers") {
                    let did = try await queue.expireChunks()
                    if !did.isEmpty {
                        logger.debug("Pieces of answers were forgotten.", metadata: [LogKey.reason: "\(did)"])
                    }
                    return .seconds(1)
                }
            }
            group.addTask {
                await repeating("Removing files") {
                    let did = try await queue.sweepFiles()
                    if !did.isEmpty { logger.debug("Files were removed.", metadata: [LogKey.reason: "\(did)"]) }
                    return did.isEmpty ? .seconds(10) : .milliseconds(10)
                }
            }
            group.addTask { await report(queue) }
            group.addTask {
                await repeating("Tidying up") {
                    try await queue.tidy()
                    return .seconds(60)
                }
            }
        }
    }

    /// Says what experiments show, as often as it costs little: a report reads everything the experiment has brought.
    private func report(_ queue: Queue) async {
        let clock = ContinuousClock()
        await repeating("Reporting on experiments") {
            let began = clock.now
            for experiment in try await queue.experiments() where experiment.isOpen {
                let report = try ExperimentReport(
                    experiment, try await queue.arms(ofExperiment: experiment.id),
                    try await queue.figures(ofExperiment: experiment.id))
                try await queue.putReport(
                    experiment: experiment.id,
                    report.sides.map { ($0.arm.name, $0.verdict.rawValue, $0.sentence) })
            }
            return min(.seconds(3_600), max(.seconds(2), (clock.now - began) * 49))
        }
    }

    private func promote(_ queue: Queue) async {
        let clock = ContinuousClock()
        let start = clock.now
        var pace = PromotionPace()
        await repeating("Queueing due jobs") {
            let began = clock.now - start
            let floor = pace.start(at: began)
            let found = try await queue.promote(from: floor, limit: PromotionPace.limit)
            return pace.looked(
                promoted: found.promoted, floor: found.floor, next: found.next, wasFull: floor == nil, began: began,
                now: clock.now - start)
        }
    }

    /// Keeps a connection, and runs `work` on each until it is lost.
    private func keep(
        _ name: String, lockTimeout: Duration, _ work: @escaping @Sendable (Queue) async -> Void
    ) async {
        var database = database
        database.applicationName = "sluice maintenance (\(name))"
        database.lockTimeout = lockTimeout
        database.statementTimeout = .seconds(60)
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(3))
        var random = SystemRandomNumberGenerator()
        var complaint = Complaint("Connecting for maintenance", logger)
        while !Task.isCancelled {
            do {
                let connection = try await Connection.connect(database, logger: logger)
                defer { connection.close() }
                complaint.succeeded()
                backoff.reset()
                await withDiscardingTaskGroup { group in
                    group.addTask { await work(Queue(connection)) }
                    _ = await connection.waitUntilClosed()
                    group.cancelAll()
                }
            } catch {
                if Task.isCancelled { return }
                complaint.failed(error)
            }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    /// Calls `step` again and again, each time after the pause it returned, or after a back-off when it failed, until the
    /// task is cancelled.
    private func repeating(_ what: String, _ step: () async throws -> Duration) async {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
        var random = SystemRandomNumberGenerator()
        var complaint = Complaint(what, logger)
        while !Task.isCancelled {
            let pause: Duration
            do {
                pause = try await step()
                complaint.succeeded()
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                complaint.failed(error)
                pause = backoff.next(using: &random)
            }
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }
}
