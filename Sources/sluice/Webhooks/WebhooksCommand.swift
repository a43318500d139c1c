import ArgumentParser
import Domain
import Queue
import Terminal

/// `sluice webhooks`: what became of telling others.
struct WebhooksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks", abstract: "List deliveries of webhooks, and send them again.",
        subcommands: [WebhooksListCommand.self, WebhooksRedeliverCommand.self])
}

/// Lists deliveries.
struct WebhooksListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List deliveries, newest first.")

    @Option(help: ArgumentHelp("Only those of this job.", valueName: "id"))
    var job: Int64?
    @Option(help: ArgumentHelp("Only those of this batch.", valueName: "id"))
    var batch: Int32?
    @Option(help: "Only those in this state: waiting, delivered or failed.")
    var state: WebhookState?
    @Option(help: "Only those of this tenant.")
    var tenant: String?
    @Option(help: ArgumentHelp("At most this many, 1 to 1000.", valueName: "n"))
    var limit = 50
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard 1...1_000 ~= limit else { throw ValidationError("--limit is 1 to 1000.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var filter = WebhookFilter()
        (filter.job, filter.batch, filter.state) = (job, batch, state)
        (filter.tenant, filter.limit) = (tenant, limit)
        var table = TextTable([
            .init("ID", key: "id"), .init("JOB", key: "job"), .init("BATCH", key: "batch"),
            .init("STATE", key: "state"),
            .init("TRIES", key: "attempt"), .init("STATUS", key: "status"), .init("URL", key: "url", canShrink: true),
            .init("ERROR", key: "error", canShrink: true), .init("CREATED", key: "created_at"),
        ])
        for delivery in try await session.queue.webhooks(filter) {
            let status: Cell = delivery.status.map { .count(Int64($0)) } ?? .none
            let (job, batch): (Cell, Cell) =
                switch delivery.subject {
                case .job(let id, _, _): (.identifier(id), .none)
                case .batch(let number, _): (.none, .identifier(Int64(number)))
                }
            let error: Cell = delivery.error.map { .text($0) } ?? .none
            table.append([
                .identifier(delivery.id), job, batch, .text(delivery.state.rawValue),
                .count(Int64(delivery.attempt)), status, .text(delivery.url), error,
                JobsShown.time(delivery.createdAt),
            ])
        }
        try console.show(table)
        return .ok
    }
}

/// Sends a delivery again.
struct WebhooksRedeliverCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "redeliver",
        abstract: "Send a message again, under the same id, whether it was delivered or not.")

    @Argument(help: "The delivery's number, as `sluice webhooks list` shows it.")
    var id: Int64
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        try await session.queue.redeliver(id)
        console.note("Delivery \(id) waits to be sent.")
        return .ok
    }
}

extension WebhookState: ExpressibleByArgument {}
