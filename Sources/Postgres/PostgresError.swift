/// Why a call of this library failed.
///
/// The description may be logged and shown: it names the query, the SQLSTATE and the constraint, and never holds a
/// parameter, a password, or the server's DETAIL, HINT or CONTEXT.
package struct PostgresError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// What kind of failure it is.
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The connection string or a setting is malformed.
        ///
        /// Trying again cannot help.
        case invalidConfiguration
        /// No connection could be made.
        case connectionFailed
        /// The connection ended while the call waited.
        ///
        /// Whether its statement took effect is unknown.
        case connectionLost
        /// A time limit ran out: of connecting, of waiting for a pooled connection, or of a statement.
        case timedOut
        /// The caller's task was cancelled.
        case cancelled
        /// Too many callers already wait for a connection of the pool.
        case poolExhausted
        /// The pool has been shut down.
        case poolClosed
        /// The server refused the statement; see `sqlState`.
        case server
        /// A value is not of the type it was read as.
        case decoding
        /// A COPY ended before its data was complete.
        case copyAborted
        /// Too many callers already wait for this connection.
        case tooManyPending
        /// The call cannot work here, for instance LISTEN through a transaction pooler.
        case notSupported
    }

    // A class, so that the error is one word: results that are nearly always successes carry its size.
    private final class Storage: Sendable {
        let code: Code
        let message: String
        let sqlState: String?
        let queryName: String?
        let constraint: String?
        let serverMessage: String?
        let serverHint: String?
        let column: Int?
        let underlying: (any Error)?

        init(
            _ code: Code,
            _ message: String,
            _ sqlState: String?,
            _ queryName: String?,
            _ constraint: String?,
            _ serverMessage: String?,
            _ serverHint: String?,
            _ column: Int?,
            _ underlying: (any Error)?
        ) {
            self.code = code
            self.message = message
            self.sqlState = sqlState
            self.queryName = queryName
            self.constraint = constraint
            self.serverMessage = serverMessage
            self.serverHint = serverHint
            self.column = column
            self.underlying = underlying
        }
    }

    private let storage: Storage

    /// A failure of the kind `code`.
    ///
    /// `message` must be free of secrets and parameters.
    package init(
        _ code: Code,
        _ message: String,
        sqlState: String? = nil,
        queryName: String? = nil,
        constraint: String? = nil,
        serverMessage: String? = nil,
        serverHint: String? = nil,
        column: Int? = nil,
        underlying: (any Error)? = nil
    ) {
        storage = Storage(code, message, sqlState, queryName, constraint, serverMessage, serverHint, column, underlying)
    }

    /// What kind of failure it is.
    package var code: Code { storage.code }
    /// The server's five-character code, when the server said one.
    package var sqlState: String? { storage.sqlState }
    /// The name of the statement that failed.
    package var queryName: String? { storage.queryName }
    /// The constraint the statement violated.
    package var constraint: String? { storage.constraint }
    /// The server's primary message.
    ///
    /// It can quote a value (class 22 does): show `description` instead.
    package var serverMessage: String? { storage.serverMessage }
    /// The server's hint. Like the message it can quote a value; Sluice's own are safe to show.
    package var serverHint: String? { storage.serverHint }
    /// The index of the column that could not be decoded.
    package var column: Int? { storage.column }
    /// What caused the failure, for instance the error thrown into a COPY.
    package var underlying: (any Error)? { storage.underlying }

    /// Whether the same call may succeed when it is made again later: after lost connections, deadlocks, serialization
    /// failures, refused locks, full or starting servers.
    ///
    /// Whoever retries a lost write must be able to bear it happening twice.
    package var isRetryable: Bool {
        switch code {
        case .connectionLost, .timedOut, .poolExhausted, .tooManyPending: true
        case .connectionFailed: sqlState.map(Self.isRetryable) ?? true
        case .server: sqlState.map(Self.isRetryable) ?? false
        case .invalidConfiguration, .cancelled, .poolClosed, .decoding, .copyAborted, .notSupported: false
        }
    }

    private static func isRetryable(_ sqlState: String) -> Bool {
        switch sqlState {
        case "40001", "40P01", "55P03", "53000", "53100", "53200", "53300", "57P01", "57P02", "57P03", "57P05", "25006":
            true
        default: sqlState.hasPrefix("08")
        }
    }

    /// One sentence for people, without parameters and secrets.
    package var description: String {
        var text = storage.message
        if let name = queryName { text = "query \(name): \(text)" }
        if code == .server, let said = serverMessage, let state = sqlState, Self.mayShow(state) { text += ": \(said)" }
        if let state = sqlState {
            text += constraint.map { " (SQLSTATE \(state), constraint \($0))" } ?? " (SQLSTATE \(state))"
        }
        return text
    }

    /// The same as `description`.
    package var debugDescription: String { description }

    /// Class 22 ("data exception") quotes the value it dislikes.
    ///
    /// Sluice's own class never does.
    private static func mayShow(_ sqlState: String) -> Bool { !sqlState.hasPrefix("22") }

    /// This error with the name of the statement it belongs to.
    func named(_ name: String) -> PostgresError {
        PostgresError(
            code,
            storage.message,
            sqlState: sqlState,
            queryName: name,
            constraint: constraint,
            serverMessage: serverMessage,
            serverHint: serverHint,
            column: column,
            underlying: underlying
        )
    }
}
