import ArgumentParser
import Domain
import Gateway
import Queue
import Terminal

/// Replaces a key.
struct KeysRotateCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Make a key that takes the place of another, and show it, this once.",
        discussion: """
            It has the tenant, scopes and limits of the old one, which is let in until the overlap is over, so that clients \
            can change over.

              sluice keys rotate 7 --overlap 24h
            """)

    @Argument(help: "The old key's number, as `sluice keys list` shows it.")
    var id: Int32
    @Option(help: ArgumentHelp("How long the old key is let in.", valueName: "length"))
    var overlap = JobsDuration(value: .seconds(3_600))
    @Option(help: ArgumentHelp("Until when the new key is let in: +90d, or 2026-12-31T00:00:00Z.", valueName: "time"))
    var expires: JobsTime?
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.openForChanges(database)
        let key = APIKey.random()
        let expiry = try await expires?.moment(on: session.connection, option: "--expires")
        let new = try await session.queue.rotateKey(
            id, prefix: key.prefix, sha256: key.sha256, overlap: overlap.value, expiresAt: expiry)
        if console.options.isJSON {
            try console.show(["id": .integer(Int64(new)), "key": .string(key.text), "replaces": .integer(Int64(id))])
        } else {
            try console.show([key.text])
            console.note("Key \(new) takes the place of key \(id). It is not shown again.")
        }
        return .ok
    }
}
