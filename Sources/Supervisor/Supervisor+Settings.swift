import Domain
package import Fleet
package import Logging

extension Supervisor {
    /// What a supervisor is told when it starts.
    package struct Settings: Sendable {
        /// One worker process that is to be started.
        package struct Launch: Sendable, Hashable {
            /// The deployment it is to host.
            package var deployment: String
            /// Where it is to keep its slot board.
            package var slotBoardPath: String
            /// Resident bytes past which it is to end by itself; nil for no limit.
            package var memoryLimit: Int?
        }

        /// The libpq connection string of the queue. It must lead to the server itself, not to a transaction pooler: a lock
        /// of the session decides who leads. Workers get it as `SLUICE_DATABASE_URL`, never as an argument, which anyone on
        /// the machine could read.
        package var conninfo: String
        /// A folder of this supervisor's own, for slot boards. Made when it is not there.
        package var runDirectory: String
        /// This machine's name. Of two supervisors that say the same one stands by.
        package var host: String
        /// Bytes that the host's workers may take in all, as their rules count them; nil: not counted.
        package var hostMemory: Int?
        /// What rules may ask of a host, such as `gpu`: `a100`.
        package var labels: [String: String] = [:]
        /// Where workers may load backends from, given to them as `SLUICE_BACKENDS`, separated by colons.
        package var backendDirectories: [String]
        /// The program to start. Default: this one.
        package var executable = "/proc/self/exe"
        /// Its arguments. Default: `worker --deployment NAME --slot-board PATH --supervised`, and the memory limit.
        package var arguments: @Sendable (Launch) -> [String] = { launch in
            ["worker", "--deployment", launch.deployment, "--slot-board", launch.slotBoardPath, "--supervised"]
                + (launch.memoryLimit.map { ["--memory-limit", "\($0)"] } ?? [])
        }
        /// Our own environment, of which a worker gets `WorkerVariables.needed`, and what its deployment's configuration names.
        package var environment: [String: String] = [:]
        /// When workers that ended are started again.
        package var restarts = RestartPolicy()
        /// How long workers may take to end.
        package var graces = SupervisorMachine.Graces()
        /// Resident bytes past which a worker is killed, and the jobs it runs charged; nil for no limit.
        package var memoryLimit: Int?
        /// How long the end of a worker is kept trying to be told to a database that is away. Past this, and past the
        /// worker's lease, others have noticed.
        package var reportPatience = Duration.seconds(60)
        /// How often the host is heard of, and what is wanted looked at, when no notification comes.
        package var pollInterval = Duration.seconds(1)
        /// How often a supervisor that stands by, or does not lead the fleet, tries to.
        package var campaignInterval = Duration.milliseconds(500)
        /// Whether this supervisor does the queue's maintenance while it leads.
        package var isMaintaining = true
        /// Whether this supervisor steers the fleet while it leads: isolates what fails, and brings it back.
        package var isSteering = true
        /// How often it looks at the fleet when nobody tells of failures.
        package var steeringInterval = Duration.seconds(1)
        /// Least severe level workers log.
        package var workerLogLevel = Logger.Level.info

        /// The settings of a supervisor of the queue at `conninfo`.
        package init(conninfo: String, runDirectory: String, host: String, backendDirectories: [String]) {
            self.conninfo = conninfo
            self.runDirectory = runDirectory
            self.host = host
            self.backendDirectories = backendDirectories
        }

        /// The labels as a JSON object.
        var labelsJSON: [UInt8] {
            var bytes: [UInt8] = []
            JSONOutput.object(labels.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }).append(
                to: &bytes)
            return bytes
        }

        /// The environment of a worker: what it needs itself, and its own secrets.
        ///
        /// - Parameter secrets: names of the variables its deployment's configuration refers to.
        func workerEnvironment(secrets: [String]) -> [String: String] {
            let names = WorkerVariables.needed.union(secrets)
            var passed = environment.filter { names.contains($0.key) }
            // Swift's runtime would write a backtrace first, for seconds in which what the worker held does not run again.
            passed["SWIFT_BACKTRACE"] = passed["SWIFT_BACKTRACE"] ?? "enable=no"
            passed["SLUICE_DATABASE_URL"] = conninfo
            passed["SLUICE_HOST"] = host
            if !backendDirectories.isEmpty { passed["SLUICE_BACKENDS"] = backendDirectories.joined(separator: ":") }
            // Their lines are read here and logged again.
            passed["SLUICE_LOG_FORMAT"] = "json"
            passed["SLUICE_LOG_LEVEL"] = workerLogLevel.rawValue
            return passed
        }
    }
}
