internal import CLinux
internal import CPostgres
internal import Glibc

/// A connection of libpq with the unsafe parts kept in: every call this library makes, in terms of Swift values.
///
/// Used by one thread at a time: the connecting loop's until it is established, then its own loop's.
@safe
final class LibPQ: @unchecked Sendable {
    /// What libpq found to say outside of any result.
    ///
    /// Filled by a callback during libpq's calls.
    final class Notices {
        var fatalSQLState: String?
        var fatalMessage: String?
        var received: [(severity: String, sqlState: String)] = []
    }

    enum Status {
        case ok, failed
    }

    /// The next thing libpq has received.
    enum Reply {
        /// The end of one command's results, or nothing at all.
        case none
        /// The end of a pipelined group.
        case sync
        /// The command was not run, because one before it in its group failed.
        case skipped
        case copyIn
        case copyOut
        case done(QueryResult)
        case failed(PostgresError)
    }

    private let connection: OpaquePointer
    let notices = Notices()
    private var canHoldBack = true

    /// Begins to connect.
    ///
    /// Nil when memory ran out.
    init?(_ settings: [(String, String)]) {
        var storage: [UnsafeMutablePointer<CChar>?] = unsafe settings.map { unsafe strdup($0.0) } + [nil]
        var values: [UnsafeMutablePointer<CChar>?] = unsafe settings.map { unsafe strdup($0.1) } + [nil]
        defer {
            unsafe storage.forEach { unsafe free($0) }
            unsafe values.forEach { unsafe free($0) }
        }
        let started: OpaquePointer? = unsafe storage.withUnsafeMutableBufferPointer { keywords in
            unsafe values.withUnsafeMutableBufferPointer { values in
                unsafe keywords.withMemoryRebound(to: UnsafePointer<CChar>?.self) { keywords in
                    unsafe values.withMemoryRebound(to: UnsafePointer<CChar>?.self) { values in
                        unsafe PQconnectStartParams(keywords.baseAddress, values.baseAddress, 0)
                    }
                }
            }
        }
        guard let started = unsafe started else { return nil }
        unsafe connection = started
        // The verbose form of a refused connection is the only way to learn its SQLSTATE.
        unsafe _ = PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        unsafe PQsetNoticeReceiver(
            connection,
            { notices, result in
                guard let notices = unsafe notices else { return }
                unsafe Unmanaged<Notices>.fromOpaque(notices).takeUnretainedValue().add(result)
            },
            Unmanaged.passUnretained(notices).toOpaque()
        )
    }

    deinit { unsafe PQfinish(connection) }

    // MARK: Connecting

    var status: Status { unsafe PQstatus(connection) == CONNECTION_BAD ? .failed : .ok }
    func pollConnecting() -> PostgresPollingStatusType { unsafe PQconnectPoll(connection) }
    var socket: Int32 { unsafe PQsocket(connection) }
    var host: String { unsafe text(PQhost(connection)) }
    var port: String { unsafe text(PQport(connection)) }
    var errorMessage: String { unsafe text(PQerrorMessage(connection)) }
    var backendProcessID: Int32 { unsafe PQbackendPID(connection) }
    var serverVersion: Int { unsafe Int(PQserverVersion(connection)) }
    var isInTransaction: Bool {
        let status = unsafe PQtransactionStatus(connection)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    func parameterStatus(_ name: String) -> String? {
        guard let value = unsafe PQparameterStatus(connection, name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Prepares an established connection for its life on a loop.
    ///
    /// False when libpq refuses.
    func beginPipelining() -> Bool {
        unsafe _ = PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
        return unsafe PQsetnonblocking(connection, 1) == 0 && PQenterPipelineMode(connection) == 1
    }

    // MARK: Sending. False when the connection is lost

    func enterPipeline() -> Bool { unsafe PQenterPipelineMode(connection) == 1 }
    func exitPipeline() -> Bool { unsafe PQexitPipelineMode(connection) == 1 }
    func sync() -> Bool { unsafe cpostgres_send_sync(connection) == 1 }
    func sendSimple(_ sql: String) -> Bool { unsafe PQsendQuery(connection, sql) == 1 }

    func prepare(_ name: [CChar], _ statement: Statement, _ types: [PostgresType]) -> Bool {
        let oids = types.map(\.rawValue)
        return unsafe PQsendPrepare(connection, name, statement.sql, Int32(types.count), oids) == 1
    }

    func sendPrepared(_ name: [CChar], _ parameters: borrowing Parameters) -> Bool {
        unsafe parameters.withPointers { count, _, values, lengths, formats in
            unsafe PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1) == 1
        }
    }

    func sendUnnamed(_ sql: String, _ parameters: borrowing Parameters) -> Bool {
        unsafe parameters.withPointers { count, types, values, lengths, formats in
            unsafe PQsendQueryParams(connection, sql, count, types, values, lengths, formats, 1) == 1
        }
    }

    /// Sends what is buffered.
    ///
    /// Whether some is left, or nil when the connection is lost.
    func flush() -> Bool? {
        switch unsafe PQflush(connection) {
        case 0: false
        case 1: true
        default: nil
        }
    }

    /// Keeps what is written from being sent, or sends it: for a burst of groups, since libpq before 17 writes each to the
    /// socket by itself. No effect on a unix socket.
    func holdBack(_ isHeld: Bool) {
        guard canHoldBack else { return }
        canHoldBack = linux_tcp_cork(socket, isHeld) == 0
    }

    // MARK: Receiving

    /// Reads what has arrived.
    ///
    /// False when the connection is lost; what arrived before is still there to be taken.
    func receive() -> Bool { unsafe PQconsumeInput(connection) == 1 }

    /// Whether taking a reply now would block.
    var isBusy: Bool { unsafe PQisBusy(connection) == 1 }

    func nextReply(for statement: Statement?) -> Reply {
        guard let result = unsafe PQgetResult(connection) else { return .none }
        switch unsafe PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
            return unsafe .done(QueryResult(result, statement))
        default: break
        }
        defer { unsafe PQclear(result) }
        return switch unsafe PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC: .sync
        case PGRES_PIPELINE_ABORTED: .skipped
        case PGRES_COPY_IN: .copyIn
        case PGRES_COPY_OUT, PGRES_COPY_BOTH: .copyOut
        default: .failed(unsafe PostgresError(result, queryName: statement?.name))
        }
    }

    func nextNotification() -> Notification? {
        guard let received = unsafe PQnotifies(connection) else { return nil }
        defer { unsafe PQfreemem(received) }
        return unsafe Notification(
            channel: text(received.pointee.relname),
            payload: text(received.pointee.extra),
            processID: received.pointee.be_pid
        )
    }

    // MARK: COPY

    /// Queues `bytes`.
    ///
    /// Nil when the connection is lost, false when there is no room until a flush.
    func putCopyData(_ bytes: ArraySlice<UInt8>) -> Bool? {
        let outcome = unsafe bytes.withUnsafeBytes {
            unsafe PQputCopyData(connection, $0.bindMemory(to: CChar.self).baseAddress, Int32($0.count))
        }
        return outcome == 1 ? true : outcome == 0 ? false : nil
    }

    /// Ends the data, or abandons it with `reason`.
    ///
    /// Nil when the connection is lost, false when there is no room.
    func putCopyEnd(_ reason: String?) -> Bool? {
        let outcome = unsafe PQputCopyEnd(connection, reason)
        return outcome == 1 ? true : outcome == 0 ? false : nil
    }

    enum CopyData {
        case appended, notYet, ended
    }

    /// Appends the next row's bytes to `chunk`.
    func takeCopyData(into chunk: inout [UInt8]) -> CopyData {
        var row: UnsafeMutablePointer<CChar>?
        let length = unsafe PQgetCopyData(connection, &row, 1)
        guard length > 0, let row = unsafe row else { return length == 0 ? .notYet : .ended }
        unsafe chunk.append(contentsOf: UnsafeRawBufferPointer(start: row, count: Int(length)))
        unsafe PQfreemem(row)
        return .appended
    }

    /// What it takes to ask the server to stop the running statement.
    ///
    /// Nil when the connection is lost.
    func makeCancellation() -> Cancellation? {
        guard let cancel = unsafe PQgetCancel(connection) else { return nil }
        return unsafe Cancellation(cancel)
    }

    private func text(_ pointer: UnsafePointer<CChar>?) -> String {
        guard let pointer = unsafe pointer else { return "" }
        return unsafe String(cString: pointer)
    }
}

/// A request to stop what a connection's server process is doing.
@safe
final class Cancellation: @unchecked Sendable {
    private let cancel: OpaquePointer

    init(_ cancel: OpaquePointer) { unsafe self.cancel = cancel }

    deinit { unsafe PQfreeCancel(cancel) }

    /// Makes a connection of its own, and returns when the server has passed the request on.
    ///
    /// Blocks.
    func send() -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
            unsafe PQcancel(cancel, message.baseAddress, 256) == 1
        }
    }
}

extension LibPQ.Notices {
    fileprivate func add(_ result: OpaquePointer?) {
        let error = unsafe PostgresError(result, queryName: nil)
        let severity = unsafe PQresultErrorField(result, cpostgres_diagnostic_severity).map {
            unsafe String(cString: $0)
        }
        if severity == "FATAL" || severity == "PANIC" {
            fatalSQLState = error.sqlState
            fatalMessage = error.serverMessage
        } else if received.count < 64 {
            received.append((severity ?? "", error.sqlState ?? ""))
        }
    }
}

extension PostgresError {
    /// The error the server reported in `result`.
    init(_ result: OpaquePointer?, queryName: String?) {
        func field(_ code: Int32) -> String? {
            unsafe PQresultErrorField(result, code).map { unsafe String(cString: $0) }
        }
        let sqlState = field(cpostgres_diagnostic_sqlstate)
        self.init(
            sqlState == nil ? .connectionLost : .server,
            sqlState == nil ? "the connection was lost" : "the server refused it",
            sqlState: sqlState,
            queryName: queryName,
            constraint: field(cpostgres_diagnostic_constraint),
            serverMessage: field(cpostgres_diagnostic_message),
            serverHint: field(cpostgres_diagnostic_hint)
        )
    }
}

extension Parameters {
    /// Calls `body` with the parameters as libpq wants them: count, types, values, lengths, formats.
    fileprivate borrowing func withPointers<R>(
        _ body: (
            Int32, UnsafePointer<Oid>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?,
            UnsafePointer<Int32>?
        ) -> R
    ) -> R {
        let count = fields.count
        guard count > 0 else { return body(0, nil, nil, nil, nil) }
        let fields = fields
        return unsafe writer.bytes.withUnsafeBytes { bytes in
            // One piece of the stack for four arrays: pointers first, for their alignment.
            unsafe withUnsafeTemporaryAllocation(byteCount: count * (8 + 3 * 4), alignment: 8) { memory in
                guard let start = memory.baseAddress else { return body(0, nil, nil, nil, nil) }
                let values = unsafe start.bindMemory(to: UnsafePointer<CChar>?.self, capacity: count)
                let lengths = unsafe (start + count * 8).bindMemory(to: Int32.self, capacity: count)
                let formats = unsafe (start + count * 12).bindMemory(to: Int32.self, capacity: count)
                let types = unsafe (start + count * 16).bindMemory(to: Oid.self, capacity: count)
                for index in 0..<count {
                    let field = fields[index]
                    // A nil pointer is NULL; a value of no bytes needs some other pointer.
                    let value = unsafe (bytes.baseAddress ?? UnsafeRawPointer(start)) + field.offset
                    unsafe (values + index).initialize(
                        to: field.length < 0 ? nil : value.assumingMemoryBound(to: CChar.self)
                    )
                    unsafe (lengths + index).initialize(to: Int32(truncatingIfNeeded: max(0, field.length)))
                    unsafe (formats + index).initialize(to: field.format.rawValue)
                    unsafe (types + index).initialize(to: field.type.rawValue)
                }
                return unsafe body(Int32(count), types, values, lengths, formats)
            }
        }
    }
}
