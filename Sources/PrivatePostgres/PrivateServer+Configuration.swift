extension PrivateServer {
    /// How a private server is to run.
    package struct Configuration: Sendable {
        /// Connections the server allows, its own reserve of three included. Each costs it some memory.
        package var maximumConnections: Int
        /// The port on 127.0.0.1, with password log-in only; nil for none. The unix socket is always there.
        package var port: Int?
        /// Whether commits survive a power cut. Off only for tests, whose data nobody wants back.
        package var isDurable: Bool
        /// How long the server may take until it accepts connections, recovery after a crash included.
        package var startTimeout: Duration
        /// How long a fast shutdown may take before sessions are cut.
        package var stopTimeout: Duration

        /// A durable server without TCP.
        package init(
            maximumConnections: Int = 100,
            port: Int? = nil,
            isDurable: Bool = true,
            startTimeout: Duration = .seconds(120),
            stopTimeout: Duration = .seconds(20)
        ) {
            self.maximumConnections = maximumConnections
            self.port = port
            self.isDurable = isDurable
            self.startTimeout = startTimeout
            self.stopTimeout = stopTimeout
        }

        var settings: ServerSettings {
            ServerSettings(
                maximumConnections: maximumConnections,
                port: socketPort,
                listensOnTCP: port != nil,
                isDurable: isDurable,
                memoryBytes: FileSystem.memoryBytes()
            )
        }

        var socketPort: Int { port ?? 5432 }
    }
}
