import Logging
import Postgres
import Queue

/// What a command that asks the database something works with.
struct Session: Sendable {
    /// One connection, this command's own.
    let connection: Connection
    /// The queue on it.
    let queue: Queue
    /// Where it leads.
    let target: DatabaseTarget

    /// Connects to the database the options lead to.
    ///
    /// - Parameters:
    ///   - requireSchema: whether the database has to have exactly this program's schema.
    ///   - isPatient: whether statements may take as long as they need.
    /// - Throws: what `DatabaseOptions.resolve` throws; `PostgresError` when the database is away or refuses;
    ///   `QueueError` with `schemaMismatch`.
    static func open(
        _ options: DatabaseOptions, requireSchema: Bool = true, isPatient: Bool = false
    ) async throws -> Session {
        try await open(try await options.resolve(), requireSchema: requireSchema, isPatient: isPatient)
    }

    /// Connects to `target`.
    static func open(
        _ target: DatabaseTarget, requireSchema: Bool = true, isPatient: Bool = false
    ) async throws -> Session {
        let connection = try await Connection.connect(
            try target.configuration(isPatient: isPatient), logger: quietLogger)
        if requireSchema { try await Migrator(connection).check() }
        return Session(connection: connection, queue: Queue(connection), target: target)
    }

    /// Connects for changes that go on record in the name of whoever runs this program. See `open(_:requireSchema:isPatient:)`.
    static func openForChanges(_ options: DatabaseOptions) async throws -> Session {
        let session = try await open(options)
        try await session.queue.actAs(ProcessEnvironment.person)
        return session
    }

    /// A command for people says what went wrong once, as its last words, not in a log before.
    static let quietLogger = Logger(label: "sluice") { _ in SwiftLogNoOpLogHandler() }
}
