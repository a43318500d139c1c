package import Logging

extension PrivateServer {
    /// Runs a server for as long as `body` takes, and stops it.
    ///
    /// - Throws: what `body` throws; `PrivateServerError` when the server cannot start, or ended by itself and
    ///   `body` succeeded all the same.
    package static func withServer<Result: Sendable>(
        dataDirectory: String,
        configuration: Configuration = Configuration(),
        logger: Logger,
        _ body: sending @escaping (PrivateServer, ServerAddress) async throws -> Result
    ) async throws -> Result {
        let server = PrivateServer(dataDirectory: dataDirectory, configuration: configuration, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let address = try await server.waitUntilReady()
            let result = try await body(server, address)
            // Cancellation stops the server as gracefully as a shutdown does.
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
            return result
        }
    }
}
