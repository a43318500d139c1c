import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs services until they end or a signal ends them.
enum ServiceRun {
    /// Runs `services`; they are shut down in reverse order, each when the one after it has ended.
    ///
    /// The first SIGTERM, SIGINT or SIGHUP shuts them down gracefully; a second one ends the process at once, with 128 and
    /// the signal's number (a `WorkerExit`, so that nobody takes it for the backend's). Any service that ends ends them all.
    /// - Returns: the number of the signal that ended it, or nil when it ended by itself.
    /// - Throws: what a service threw.
    static func run(_ services: [any Service], logger: Logger) async throws -> Int32? {
        var configuration = ServiceGroupConfiguration(
            services: services.map {
                .init(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            logger: logger)
        configuration.maximumGracefulShutdownDuration = nil
        let group = ServiceGroup(configuration: configuration)
        return try await withThrowingTaskGroup(of: Int32?.self) { tasks in
            // Nil when the services ended, else the signal.
            tasks.addTask {
                try await group.run()
                return nil
            }
            tasks.addTask { await signal() }
            var received: Int32?
            while let ended = try await tasks.next() {
                guard let number = ended else { break }
                if number == 0 { continue }
                guard received == nil else { ProcessGuard.end(128 + number) }
                received = number
                tasks.addTask { await signal() }
                await group.triggerGracefulShutdown()
            }
            tasks.cancelAll()
            return received
        }
    }

    /// The next signal's number; 0 when cancelled.
    private static func signal() async -> Int32 {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
            switch signal {
            case .sigint: return SIGINT
            case .sighup: return SIGHUP
            default: return SIGTERM
            }
        }
        return 0
    }
}
