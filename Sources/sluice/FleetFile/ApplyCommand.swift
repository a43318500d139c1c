import ArgumentParser
import Domain
import FleetFile
import Postgres
import Queue
import Terminal

/// Makes the fleet what a file declares.
struct ApplyCommand: AuditedCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Make models, deployments and experiments what a file declares.",
        discussion: """
            All of it or nothing, in one transaction, by the same SQL functions as `sluice admin`. What the file does not \
            name stays as it is. `sluice export` writes such a file.
            """)

    @Option(
        name: [.customShort("f"), .customLong("file")],
        help: ArgumentHelp("The fleet file; - reads it from standard input.", valueName: "path"), completion: .file())
    var path: String

    @Flag(help: "Show what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Do not look at the backends' files here.")
    var skipInspection = false

    @OptionGroup var backends: BackendOptions
    @OptionGroup var admin: AdminOptions

    func perform(_ console: Console) async throws -> ProcessExit {
        let text = try await contents()
        do {
            let declared = try FleetFile.read(text)
            let session = try await Session.openForChanges(admin.database)
            let plan = try await session.connection.transaction { connection in
                let state = FleetState(connection: connection)
                try await state.lock()
                let plan = try FleetPlan(from: try await state.read(), to: declared)
                guard !dryRun else { return plan }
                try await record(plan, Queue(connection))
                for step in plan.steps { try await state.perform(step, why: admin.why) }
                return plan
            }
            try show(plan, console)
            return .ok
        } catch let error as FleetFileError {
            try refuse(error, console)
        }
    }

    private func contents() async throws -> String {
        let bytes = try await SubmitInput.read(path, atMost: FleetFile.maximumBytes, of: "a fleet file")
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.noInput, "The file \(path) cannot be read.", fix: "Check that it is UTF-8.")
        }
        return text
    }

    /// Records the files of the backends that are new to a deployment, as `sluice deploy` does.
    private func record(_ plan: FleetPlan, _ queue: Queue) async throws {
        guard !skipInspection else { return }
        var names: Set<String> = []
        for case .putDeployment(let deployment, _) in plan.steps {
            if let backend = deployment.backend { names.insert(backend) }
        }
        for name in names.sorted() { _ = try await backends.record(name, queue) }
    }

    private func show(_ plan: FleetPlan, _ console: Console) throws {
        if console.options.isJSON {
            for change in plan.changes {
                try console.show([
                    "subject": .string(change.subject), "key": change.key.map(JSONOutput.string) ?? .null,
                    "before": change.before.map(JSONOutput.string) ?? .null, "after": .string(change.after),
                    "applied": .bool(!dryRun),
                ])
            }
            return
        }
        let count = plan.changes.count
        let summary =
            switch (count, dryRun) {
            case (0, _): "The fleet is as the file says."
            case (_, true): "\(count) to change; nothing was changed."
            case (_, false): "\(count) changed."
            }
        try console.show(text: (plan.changes.map(\.sentence) + [summary]).joined(separator: "\n"))
    }

    private func refuse(_ error: FleetFileError, _ console: Console) throws -> Never {
        for problem in error.problems {
            if console.options.isJSON {
                try console.show(["line": .integer(Int64(problem.line)), "message": .string(problem.message)])
            } else {
                console.warn(problem.line > 0 ? "\(path):\(problem.line): \(problem.message)" : problem.message)
            }
        }
        let count = error.problems.count == 1 ? "1 problem" : "\(error.problems.count) problems"
        throw CommandFailure(
            .dataInvalid, "\(path) has \(count); nothing was changed.", fix: "Mend the lines above and apply it again.")
    }
}
