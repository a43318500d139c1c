import ArgumentParser
import Domain
import Queue
import Terminal

/// Lists how many jobs may wait.
struct GuardsBoundsCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "bounds", abstract: "List how many jobs may wait; the most specific line counts.")

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var table = TextTable([
            .init("TENANT", key: "tenant"), .init("MODEL", key: "model"), .init("WAITING", key: "waiting"),
        ])
        for bound in try await session.queue.bounds() {
            table.append([
                bound.tenant.map { .text($0) } ?? .none, bound.model.map { .text($0) } ?? .none, .count(bound.waiting),
            ])
        }
        try console.show(table)
        return .ok
    }
}

/// Sets how many jobs may wait.
struct GuardsBoundCommand: AuditedCommand {
    static let configuration = CommandConfiguration(
        commandName: "bound",
        abstract: "Set how many jobs of a tenant may wait for a model before gateways take no more.",
        discussion: """
            Single requests are then answered 429, and batches wait. Without --model it is for each model, without --tenant for \
            each tenant. Without a number the bound is removed.

              sluice guards bound 1000 --model demo
            """)

    @Argument(help: "How many may wait.")
    var waiting: Int32?
    @Option(help: ArgumentHelp("For which model.", valueName: "name"))
    var model: String?
    @Option(help: ArgumentHelp("Whose jobs.", valueName: "name"))
    var tenant: String?
    @OptionGroup var admin: AdminOptions

    func perform(_ console: Console) async throws -> ProcessExit {
        try await admin.perform(console) { queue, why in
            try await queue.setBound(waiting, model: model, tenant: tenant, why: why)
        }
    }
}
