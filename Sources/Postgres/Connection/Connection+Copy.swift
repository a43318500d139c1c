internal import Synchronization

/// Where the data of a COPY into the server is written.
///
/// For the body it was given to, one task at a time.
package final class CopyWriter {
    private let connection: Connection
    private let request: Request
    private var buffer: [UInt8] = []

    fileprivate init(_ connection: Connection, _ request: Request) {
        self.connection = connection
        self.request = request
    }

    /// Sends `bytes`, in the format the COPY statement named; how they are cut into writes does not matter.
    ///
    /// Small writes are gathered (64 KiB). Waits while the server takes no more. Throws `.connectionLost`, `.cancelled`
    /// when the task is cancelled, and `.copyAborted` once the COPY cannot succeed any more.
    package func write(_ bytes: [UInt8]) async throws(PostgresError) {
        if buffer.isEmpty, bytes.count >= ConnectionCore.copyChunk {
            try await send(bytes)
            return
        }
        buffer.append(contentsOf: bytes)
        if buffer.count >= ConnectionCore.copyChunk { try await flush() }
    }

    /// Sends the bytes of `span`, copied.
    ///
    /// See `write(_:)`.
    package func write(_ span: RawSpan) async throws(PostgresError) {
        unsafe span.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
        if buffer.count >= ConnectionCore.copyChunk { try await flush() }
    }

    fileprivate func flush() async throws(PostgresError) {
        guard !buffer.isEmpty else { return }
        let bytes = buffer
        buffer.removeAll(keepingCapacity: false)
        buffer.reserveCapacity(ConnectionCore.copyChunk + 4096)
        try await send(bytes)
    }

    private func send(_ bytes: [UInt8]) async throws(PostgresError) {
        guard !Task.isCancelled else { throw ConnectionCore.cancelled(request) }
        let (core, request) = (connection.core, request)
        let failure = await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<PostgresError?, Never>) in
                core.loop.perform { unsafe core.value.write(request, bytes[...], continuation) }
            }
        } onCancel: {
            core.loop.perform { core.value.abandonWrite(request) }
        }
        if let failure { throw failure }
    }
}

extension Connection {
    /// Runs `sql`, a `COPY … FROM STDIN`, with the data `body` writes.
    ///
    /// Everything else on this connection waits meanwhile.
    ///
    /// Returns the number of rows. When `body` throws, the COPY fails, nothing of it is kept, and that error is thrown.
    /// Errors of the server show when the data has ended: libpq does not look before.
    package func copyIn(_ sql: String, _ body: (CopyWriter) async throws -> Void) async throws -> Int {
        let request = Request(.copyIn(sql), scope: scope)
        _ = try await answer(to: request)
        let writer = CopyWriter(self, request)
        do {
            try await body(writer)
            try await writer.flush()
            if Task.isCancelled { throw ConnectionCore.cancelled(request) }
        } catch {
            _ = await endWriting(request, "abandoned by the client")
            throw error
        }
        return try await endWriting(request, nil).get()
    }

    /// Runs `sql`, a `COPY … TO STDOUT`, and calls `body` with its data in pieces of whole rows, of some 64 KiB at most
    /// unless one row is larger.
    ///
    /// The server waits while `body` works.
    ///
    /// When `body` throws, the server is stopped and that error is thrown.
    package func copyOut(_ sql: String, _ body: ([UInt8]) async throws -> Void) async throws {
        let request = Request(.copyOut(sql), scope: scope)
        _ = try await answer(to: request)
        do {
            while let chunk = try await nextChunk(of: request) { try await body(chunk) }
        } catch {
            _ = await endReading(request)
            throw error
        }
    }

    private func nextChunk(of request: Request) async throws(PostgresError) -> [UInt8]? {
        guard !Task.isCancelled else { throw ConnectionCore.cancelled(request) }
        let core = core
        let outcome = await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<CopyState.ChunkOutcome, Never>) in
                core.loop.perform { unsafe core.value.read(request, continuation) }
            }
        } onCancel: {
            core.loop.perform { core.value.abandonRead(request) }
        }
        return try outcome.get()
    }

    private func endWriting(_ request: Request, _ reason: String?) async -> CopyState.EndOutcome {
        let core = core
        return await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<CopyState.EndOutcome, Never>) in
            core.loop.perform { unsafe core.value.endWriting(request, reason, continuation) }
        }
    }

    private func endReading(_ request: Request) async -> CopyState.EndOutcome {
        let core = core
        return await unsafe withUnsafeContinuation { (continuation: UnsafeContinuation<CopyState.EndOutcome, Never>) in
            core.loop.perform { unsafe core.value.endReading(request, continuation) }
        }
    }
}
