import BackendHost
import Domain
import Glibc
import Lifeline
package import Logging
import Postgres
import Queue
import ServiceLifecycle
import Synchronization

/// One worker: a process that hosts one deployment and runs its jobs.
///
/// `run` registers, loads the backend, works until it is told to drain (graceful shutdown), and returns when it holds
/// nothing any more. It throws `WorkerEnd` when it ends otherwise; its leases are then returned by whoever notices first:
/// itself, its parent, or the reaper.
package final class Worker: Service {
    let settings: WorkerSettings
    let logger: Logger
    private let drain = Signal()

    /// A worker that will do as `settings` say.
    package init(settings: WorkerSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Works until it has drained.
    ///
    /// - Throws: `WorkerEnd`.
    package func run() async throws {
        try await withGracefulShutdownHandler {
            // The database's loop thread is ours alone: heartbeats go on whatever a backend does to other threads.
            try await withTaskExecutorPreference(EventLoop.shared.executor) { try await work() }
        } onGracefulShutdown: {
            self.drain.raise()
        }
    }

    private func work() async throws {
        let keeper = ConnectionKeeper(settings: settings, logger: logger)
        let (connection, registration) = try await keeper.register()
        var logger = logger
        logger[metadataKey: "worker"] = "\(registration.worker)"
        logger[metadataKey: "deployment"] = "\(settings.deployment)"
        let link = DatabaseLink()
        let queue = Queue(link)
        link.restored(connection)

        let audience = Audience()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                // Whoever waits for a connection is not to wait for one that nobody makes any more.
                defer { link.close() }
                try await keeper.keep(connection, link, registration, audience)
                return false
            }
            let loop: WorkLoop
            do {
                // Loading may take long (a model of gigabytes): the lease is renewed meanwhile, over a new connection when
                // one is lost.
                let beating = Mutex(true)
                async let beats: Void = keepAlive(queue, registration, while: { beating.withLock { $0 } })
                defer { beating.withLock { $0 = false } }
                let board = try slotBoard(registration)
                board?.registered(worker: registration.worker)
                let instance = try await loadBackend(registration, queue, link)
                loop = WorkLoop(
                    settings: settings, registration: registration, queue: queue, link: link, instance: instance,
                    board: board, logger: logger)
                audience.enter(loop)
                beating.withLock { $0 = false }
                await beats
            } catch {
                try await reportFailure(error, registration, queue)
                throw error
            }
            group.addTask {
                await self.drain.wait()
                if !Task.isCancelled { loop.drainRequested() }
                return false
            }
            group.addTask {
                try await loop.run()
                return true
            }
            do {
                while try await group.next() == false {}
                group.cancelAll()
                link.close()
                _ = try await queue.workerEnded(registration.worker, orderly: true, cause: "drained")
            } catch {
                // Whoever waits for a connection is to find that nothing is wanted any more.
                group.cancelAll()
                link.close()
                try await reportFailure(error, registration, queue, started: loop.charged(by: error))
                throw error
            }
            connection.close()
        }
    }

    private func slotBoard(_ registration: WorkerRegistration) throws -> SlotBoard? {
        guard let path = settings.slotBoardPath else { return nil }
        return try SlotBoard(path: path, slots: Int(registration.slots))
    }

    private func keepAlive(
        _ queue: Queue, _ registration: WorkerRegistration, while isWanted: @Sendable () -> Bool
    ) async {
        while isWanted() && !Task.isCancelled {
            do {
                _ = try await queue.heartbeat(worker: registration.worker, inFlight: [])
            } catch {
                // The connection's keeper sees to it.
                logger.debug("A heartbeat failed while the backend was loading.", metadata: ["error": "\(error)"])
            }
            do { try await Task.sleep(for: min(settings.heartbeat, .milliseconds(200))) } catch { return }
        }
    }

    /// Tells the database of an end that is not orderly, as far as it can be told.
    private func reportFailure(
        _ error: any Error, _ registration: WorkerRegistration, _ queue: Queue, started: [Int64]? = nil
    ) async throws {
        do {
            _ = try await queue.workerEnded(registration.worker, orderly: false, cause: "\(error)", started: started)
        } catch {
            // The parent or the reaper will.
            logger.warning("The database was not told of the worker's end.", metadata: ["error": "\(error)"])
        }
    }
}
