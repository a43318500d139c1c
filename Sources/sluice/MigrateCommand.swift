import Domain
import Postgres
import ArgumentParser
import Queue
import Terminal

/// Brings a database to the schema of this program.
struct MigrateCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database to this program's schema.",
        discussion: """
            Everything pending is applied in one transaction under a lock, so that several may try at once; on a database \
            that is up to date nothing changes. A database newer than this program is refused.
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    @Flag(help: "Show what would be done and change nothing.")
    var dryRun = false

    func perform(_ console: Console) async throws -> ProcessExit {
        let target = try await database.resolve()
        guard target.pooler == .none else {
            throw CommandFailure(
                .configuration, "A migration needs a connection of its own, not one through a transaction pooler.",
                fix: "Pass the URL of the server itself, and --pooler none.")
        }
        let session = try await Session.open(target, requireSchema: false, isPatient: true)
        let migrator = Migrator(session.connection)
        let plan = dryRun ? try await migrator.plan() : try await migrator.migrate()
        try show(plan, console)
        return .ok
    }

    private func show(_ plan: Migrator.Plan, _ console: Console) throws {
        guard !output.json else {
            try console.show([
                "from": .integer(Int64(plan.from)), "to": .integer(Int64(plan.to)),
                "migrations": .array(plan.migrations.map { .string($0) }),
                "replaces_functions": .bool(plan.replacesFunctions), "applied": .bool(!dryRun && !plan.isEmpty),
            ])
            return
        }
        guard !plan.isEmpty else {
            try console.show(["The schema is up to date (version \(plan.to))."])
            return
        }
        let verb = dryRun ? "Would migrate" : "Migrated"
        var lines = ["\(verb) the schema from version \(plan.from) to \(plan.to):"]
        lines += plan.migrations.map { "  \($0)" }
        if plan.replacesFunctions { lines.append("  functions") }
        try console.show(lines)
    }
}
