import Admission
import ArgumentParser
import Domain
import Gateway
import Queue
import Terminal

/// `sluice keys`: who may use the gateway.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make, list, rotate, limit and revoke keys of the HTTP gateway.",
        subcommands: [
            KeysCreateCommand.self, KeysListCommand.self, KeysRotateCommand.self, KeysLimitsCommand.self,
            KeysRevokeCommand.self,
        ])
}

/// Makes a key and shows it, this once.
struct KeysCreateCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a key and show it, this once: only its hash is kept.",
        discussion: """
            A key with the scope read looks at its tenant's jobs; one with submit makes, cancels and repeats them.

              export OPENAI_API_KEY=$(sluice keys create laptop)
            """)

    @Argument(help: "What people call it.")
    var name: String
    @Option(help: ArgumentHelp("Whose jobs it makes and sees.", valueName: "name"))
    var tenant = "default"
    @Option(help: ArgumentHelp("Until when it is let in: +90d, or 2026-12-31T00:00:00Z.", valueName: "time"))
    var expires: JobsTime?
    @Option(help: "What it lets its holder do: read or submit; again for both. Without: both.")
    var scope: [KeyScope] = []
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard 1...128 ~= name.utf8.count else { throw ValidationError("A name has 1 to 128 bytes.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.openForChanges(database)
        let key = APIKey.random()
        let expiry = try await expires?.moment(on: session.connection, option: "--expires")
        let id = try await session.queue.createKey(
            tenant: tenant, name: name, prefix: key.prefix, sha256: key.sha256, expiresAt: expiry,
            scopes: (scope.isEmpty ? [.submit, .read] : scope).map(\.rawValue))
        if console.options.isJSON {
            try console.show(["id": .integer(Int64(id)), "key": .string(key.text), "tenant": .string(tenant)])
        } else {
            try console.show([key.text])
            console.note("Key \(id) of tenant \(tenant). It is not shown again.")
        }
        return .ok
    }
}

/// Lists keys.
struct KeysListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List keys, newest first.")

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var table = TextTable([
            .init("ID", key: "id"), .init("NAME", key: "name"), .init("TENANT", key: "tenant"),
            .init("KEY", key: "prefix"), .init("SCOPES", key: "scopes"), .init("LIMITS", key: "limits"),
            .init("CREATED", key: "created_at"), .init("EXPIRES", key: "expires_at"),
            .init("REVOKED", key: "revoked_at"),
        ])
        for key in try await session.queue.keys() {
            let expires = key.expiresAt.map(JobsShown.time) ?? .none
            let revoked = key.revokedAt.map(JobsShown.time) ?? .none
            table.append([
                .identifier(Int64(key.id)), .text(key.name), .text(key.tenant), .text(key.prefix),
                .text(key.scopes.joined(separator: " ")), .text(Self.limits(key)), JobsShown.time(key.createdAt),
                expires, revoked,
            ])
        }
        try console.show(table)
        return .ok
    }

    private static func limits(_ key: KeyListing) -> String {
        [
            key.requestsPerMinute.map { "\($0) requests/min" }, key.tokensPerMinute.map { "\($0) tokens/min" },
            key.concurrency.map { "\($0) at a time" },
        ].compactMap(\.self).joined(separator: ", ")
    }
}

/// Revokes a key.
struct KeysRevokeCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Let a key in no more; gateways notice within seconds.")

    @Argument(help: "The key's number, as `sluice keys list` shows it.")
    var id: Int32
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.openForChanges(database)
        try await session.queue.revokeKey(id)
        console.note("Key \(id) is revoked.")
        return .ok
    }
}
