import Logging
package import PrivatePostgres
import Subprocess

/// The one PostgreSQL server of a test process: started by whoever needs it first.
///
/// It ends with the process, however that ends: the kernel tells the server, and a shell that holds the other end of a
/// pipe of ours removes the folder when the server is gone.
package enum TestServer {
    /// The server, once it accepts connections.
    package static var shared: PrivateServer {
        get async throws { try await started.value }
    }

    // tidy: allow unstructured-task: it lives as long as the process, and no suite is the parent of the others.
    private static let started = Task<PrivateServer, any Error> {
        let folder = try TemporaryFolder()
        let server = PrivateServer(
            dataDirectory: folder.path,
            configuration: .init(maximumConnections: 300, isDurable: false),
            logger: Logger(label: "test-server") { _ in SwiftLogNoOpLogHandler() }
        )
        // tidy: allow unstructured-task: as above.
        _ = Task { try await removeAtEnd(folder) }
        // tidy: allow unstructured-task: as above.
        _ = Task { try await server.run() }
        _ = try await server.waitUntilReady()
        return server
    }

    private static func removeAtEnd(_ folder: TemporaryFolder) async throws {
        let script = """
            cat >/dev/null
            tries=0
            while [ -e "$0/cluster/postmaster.pid" ] && [ $tries -lt 200 ]; do sleep 0.1; tries=$((tries + 1)); done
            rm -rf -- "$0"
            """
        var options = PlatformOptions()
        options.createSession = true
        _ = try await run(
            .name("sh"),
            arguments: ["-c", script, folder.path],
            platformOptions: options,
            input: .inputWriter,
            output: .discarded,
            error: .discarded
        ) { _ in
            // Nothing is ever written: the end of this process is the message.
            for await _ in AsyncStream<Never>.makeStream().stream {}
        }
    }
}
