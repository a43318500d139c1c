internal import Synchronization

/// One call to a connection, from when it is handed to the loop until its caller is resumed.
///
/// Made by the caller; after that only `isCancelled` is touched outside the connection's loop.
@safe
final class Request: @unchecked Sendable {
    enum Work {
        /// A statement in the pipeline, in a group of its own.
        case query(Statement, Parameters)
        /// Makes room on the server: nobody waits for the answer.
        case deallocate(Statement, name: String, PreparedStatements.Entry)
        /// Opens a scope when everything before it has been sent.
        case openScope
        /// Many statements by the simple protocol.
        case script(String)
        case copyIn(String)
        case copyOut(String)
    }

    enum Answer {
        case rows(QueryResult)
        case scope(UInt64)
        /// The COPY has begun; or the script is done.
        case ready
    }

    typealias Outcome = Result<Answer, PostgresError>

    let work: Work
    let scope: UInt64
    let statement: Statement?
    /// Set by the caller's task being cancelled.
    let isCancelled = Atomic<Bool>(false)

    // From here on for the loop only.
    var continuation: UnsafeContinuation<Outcome, Never>?
    /// Counts the requests of a connection as they are sent.
    var number: UInt64 = 0
    /// Whether the statement's own preparation is part of its group and has not been answered.
    var isPreparing = false
    var rows: QueryResult?
    var error: PostgresError?
    /// When it became the one the server works on.
    var startedAt: Int64 = 0
    /// Stopped by this side for running too long.
    var ranTooLong = false
    /// Its open transaction is being rolled back.
    var isCleaningUp = false
    /// How often it was sent again after a cancellation meant for another call hit it.
    var resent = 0
    var graceTimer: EventLoop.Token?
    /// The data of a COPY.
    let copy: CopyState?

    init(_ work: Work, scope: UInt64) {
        self.work = work
        self.scope = scope
        switch work {
        case .query(let statement, _), .deallocate(let statement, _, _): self.statement = statement
        case .openScope, .script, .copyIn, .copyOut: statement = nil
        }
        switch work {
        case .copyIn, .copyOut: copy = CopyState()
        case .query, .deallocate, .openScope, .script: copy = nil
        }
    }

    /// Whether it needs the connection out of pipeline mode.
    var isSimple: Bool {
        switch work {
        case .script, .copyIn, .copyOut: true
        case .query, .deallocate, .openScope: false
        }
    }

    /// What errors call it.
    var name: String? {
        switch work {
        case .query(let statement, _): statement.name
        case .script: "script"
        case .copyIn, .copyOut: "copy"
        case .deallocate, .openScope: nil
        }
    }

    /// Resumes the caller, once.
    func resume(_ outcome: Outcome) {
        guard let waiting = unsafe continuation else { return }
        unsafe continuation = nil
        unsafe waiting.resume(returning: outcome)
    }
}

/// The state of a COPY beyond its beginning.
@safe
final class CopyState {
    enum Phase {
        case starting, writing, reading, discarding, ending
    }

    typealias ChunkOutcome = Result<[UInt8]?, PostgresError>
    typealias EndOutcome = Result<Int, PostgresError>

    var phase = Phase.starting
    /// What a writer has handed over and libpq has not taken.
    var unsent: ArraySlice<UInt8> = []
    var writer: UnsafeContinuation<PostgresError?, Never>?
    var reader: UnsafeContinuation<ChunkOutcome, Never>?
    var ender: UnsafeContinuation<EndOutcome, Never>?
    /// Some of the data was lost on the way: the COPY must not succeed.
    var isTorn = false
    /// Set when the end of the data could not be queued yet.
    var unsentEnd: (reason: String?, ())?
    /// How it ended.
    var outcome: EndOutcome?

    func resumeWriter(_ error: PostgresError?) {
        guard let waiting = unsafe writer else { return }
        unsafe writer = nil
        unsent = []
        unsafe waiting.resume(returning: error)
    }

    func resumeReader(_ outcome: ChunkOutcome) {
        guard let waiting = unsafe reader else { return }
        unsafe reader = nil
        unsafe waiting.resume(returning: outcome)
    }

    /// The COPY is over: everybody who waits for it learns how.
    func ended(_ outcome: EndOutcome) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        switch outcome {
        case .success:
            resumeWriter(nil)
            resumeReader(.success(nil))
        case .failure(let error):
            resumeWriter(error)
            resumeReader(.failure(error))
        }
        guard let waiting = unsafe ender else { return }
        unsafe ender = nil
        unsafe waiting.resume(returning: outcome)
    }
}
