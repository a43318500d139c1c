package import Postgres

/// What went wrong at the boundary to the queue.
///
/// A job that fails is not an error of the queue: it is an outcome, stored in SQL.
package struct QueueError: Error, Sendable, CustomStringConvertible {
    /// What a caller can decide by. The raw value is the SQLSTATE the functions in `sql/` raise, or a word of our own.
    package enum Code: String, Sendable, CaseIterable {
        case unknownModel = "SL001"
        case unknownTenant = "SL002"
        case invalidArgument = "SL003"
        case idempotencyKeyReused = "SL004"
        case notFound = "SL005"
        case busy = "SL006"
        case notRetriable = "SL007"
        case unknownDeployment = "SL008"
        case unknownWorker = "SL009"
        /// This worker was declared dead; its process must end.
        case workerDead = "SL010"
        case batchClosed = "SL011"
        /// It would leave a model's jobs with nobody to run them, and was not forced.
        case nobodyServes = "SL030"
        /// Another supervisor leads: this one's epoch is over.
        case superseded = "SL031"
        /// Somebody's open transaction is in the way: trying again later may work.
        case locked
        /// The database is away or refuses: trying again later may work.
        case unavailable
        /// The schema is not there, older or newer than this program.
        case schemaMismatch
        /// The request holds something PostgreSQL cannot store, such as the character U+0000.
        case invalidData
        /// Anything else the database said.
        case database
    }

    /// What a caller can decide by.
    package let code: Code
    /// One sentence for a person; free of payloads and secrets.
    package let message: String
    /// What the person can do, where the database or this program knows.
    package let hint: String?
    /// The error underneath, if there is one.
    package let cause: PostgresError?

    package init(_ code: Code, _ message: String, hint: String? = nil, cause: PostgresError? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.cause = cause
    }

    package init(_ error: PostgresError) {
        cause = error
        if let state = error.sqlState, let code = Code(rawValue: state) {
            self.code = code
            message = error.serverMessage ?? "The queue refused the call."
            hint = error.serverHint
            return
        }
        switch (error.code, error.sqlState) {
        case (.connectionFailed, _), (.connectionLost, _), (.timedOut, _), (.poolExhausted, _), (.poolClosed, _):
            (code, message, hint) = (.unavailable, error.description, nil)
        case (_, "3F000"?), (_, "42P01"?), (_, "42883"?):
            code = .schemaMismatch
            message = "The database does not have the schema of this version of Sluice."
            hint = "Run `sluice migrate` on it."
        case (_, "25006"?):
            code = .unavailable
            message = "The database is read-only."
            hint = "Connect to the primary: add target_session_attrs=read-write to the database URL."
        case (_, "53100"?):
            code = .unavailable
            message = "The disk of the database is full."
            hint = "Make room: what was accepted is kept, and goes on by itself."
        case (_, "55P03"?): (code, message, hint) = (.locked, error.description, nil)
        case (_, let state?) where state.hasPrefix("53") || state.hasPrefix("57P"):
            (code, message, hint) = (.unavailable, error.description, nil)
        case (_, let state?) where state.hasPrefix("22"):
            code = .invalidData
            message = "The database cannot store this value (SQLSTATE \(state))."
            hint = nil
        default:
            (code, message, hint) = (.database, error.description, nil)
        }
    }

    package var description: String {
        if let hint { "\(message) \(hint)" } else { message }
    }
}
