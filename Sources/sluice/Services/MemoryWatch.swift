import Lifeline
import Logging
import Postgres
import ServiceLifecycle
import Telemetry

/// Ends a worker that uses more memory than it may, before the machine's own killer picks somebody.
struct MemoryWatch: Service {
    /// How often it looks. There is no event for it.
    static let interval = Duration.milliseconds(100)

    let limit: Int
    let logger: Logger

    func run() async throws {
        // The database's loop: a backend cannot hold it up.
        await withTaskExecutorPreference(EventLoop.shared.executor) {
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    if let resident = ProcessGuard.residentBytes(), resident > limit {
                        logger.critical(
                            "more memory is used than allowed",
                            metadata: ["memory.bytes": "\(resident)", "memory.limit": "\(limit)"])
                        ProcessGuard.end(WorkerExit.memoryLimit.rawValue)
                    }
                    do { try await Task.sleep(for: Self.interval) } catch { return }
                }
            }
        }
    }
}
