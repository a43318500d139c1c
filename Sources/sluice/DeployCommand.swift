import ArgumentParser
import BackendHost
import Postgres
import Queue
import Terminal

/// Declares a deployment, and its model if that is new.
struct DeployCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Declare a deployment of a model, or change it.",
        discussion: """
            Supervisors start its workers, and replace those that run an older revision. The backend's file is inspected \
            and recorded here; on a machine that does not have it pass --skip-inspection.
            """)

    @Argument(help: "The public name clients ask for.")
    var model: String

    @Argument(help: "The deployment's own name, unique in the database.")
    var name: String

    @Option(help: "The backend: a name such as mock, or a path on the hosts that run it.")
    var backend: String

    @Option(help: ArgumentHelp("The backend's configuration: a JSON object, or @FILE.", valueName: "json"))
    var config: TextArgument?

    @Option(help: "How many workers there should be, 0 to 1000.")
    var workers: Int32 = 1

    @Option(help: "How many requests a worker runs at a time, 1 to 4096.")
    var slots: Int32 = 8

    @Option(help: ArgumentHelp("What this version is called.", valueName: "text"))
    var versionName = "1"

    @Option(help: "How often a request may fail before it is given up, 1 to 100; 5 for a new model.")
    var maxAttempts: Int32?

    @Flag(help: "A new one gets no traffic until `sluice admin rollout` or `restore`.")
    var isolated = false

    @Flag(help: "Do not look at the backend's file here.")
    var skipInspection = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    private static let limits = Statement(
        "model_limits",
        "select max_attempts::int, attempt_timeout_ms, retry_base_ms, retry_cap_ms from sluice.model where name = $1::text"
    )

    func perform(_ console: Console) async throws -> ProcessExit {
        let configuration = try config?.text() ?? "{}"
        let session = try await Session.open(database)
        let found = skipInspection ? nil : try await backends.record(backend, session.queue)
        try await putModel(session)
        var request = DeploymentRequest(model: model, name: name, backend: backend)
        request.configuration = Array(configuration.utf8)
        request.workers = workers
        request.slots = slots
        request.version = versionName
        request.isIsolated = isolated
        try await session.queue.putDeployment(request)

        var facts = FactList()
        facts.append("model", key: "model", .text(model))
        facts.append("deployment", key: "deployment", .text(name))
        facts.append("backend", key: "backend", .text(backend))
        facts.append("backend version", key: "backend_version", found.map { .text($0.descriptor.version) } ?? .none)
        facts.append("workers", key: "workers", .count(Int64(workers)))
        facts.append("slots", key: "slots", .count(Int64(slots)))
        try console.show(facts)
        return .ok
    }

    /// A model that is there keeps its limits unless others are given.
    private func putModel(_ session: Session) async throws {
        guard let row = try await session.connection.query(Self.limits, model).first else {
            try await session.queue.putModel(model, maximumAttempts: maxAttempts ?? 5)
            return
        }
        guard let maxAttempts else { return }
        let (_, timeout, base, cap) = try row.decode((Int32, Int32, Int32, Int32).self)
        try await session.queue.putModel(
            model, maximumAttempts: maxAttempts, attemptTimeout: .milliseconds(timeout),
            retryBase: .milliseconds(base), retryCap: .milliseconds(cap))
    }
}
