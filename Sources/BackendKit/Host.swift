public import BackendABI
internal import Synchronization

/// What the host offers.
///
/// Set once, by the entry; before that everything is a no-op.
public enum Host {
    /// How much a log line matters.
    public enum Level: Int32, Sendable {
        case debug, info, warning, error
    }

    /// Writes a line to the worker's log, cut at 2 KiB: never secrets or prompts.
    public static func log(_ level: Level, _ text: String) {
        guard let host = unsafe table else { return }
        var text = text
        text.withUTF8 { bytes in
            let bytes = unsafe sluice_bytes_borrowed(data: bytes.baseAddress, size: bytes.count)
            unsafe host.pointee.log(level.rawValue, bytes)
        }
    }

    /// The host's table, for what this module does not offer; nil before the entry was called.
    @unsafe public static var table: UnsafePointer<sluice_host>? {
        unsafe UnsafePointer(bitPattern: address.load(ordering: .acquiring))
    }

    private static let address = Atomic<UInt>(0)

    static func set(_ table: UnsafePointer<sluice_host>) {
        address.store(UInt(bitPattern: table), ordering: .releasing)
    }

    static func isCancelled(_ id: UInt64) -> Bool {
        guard let host = unsafe table else { return false }
        return unsafe host.pointee.is_cancelled(id) != 0
    }

    static func sendChunk(_ id: UInt64, _ chunk: [UInt8]) {
        guard let host = unsafe table else { return }
        unsafe chunk.withUnsafeBufferPointer { chunk in
            unsafe host.pointee.on_chunk(id, sluice_bytes_borrowed(data: chunk.baseAddress, size: chunk.count))
        }
    }

    static func sendFinal(_ id: UInt64, _ response: BackendResponse) {
        guard let host = unsafe table else { return }
        unsafe response.body.withUnsafeBufferPointer { body in
            var result = unsafe sluice_final_borrowed()
            unsafe result.struct_size = UInt32(MemoryLayout<sluice_final_borrowed>.size)
            unsafe result.body = sluice_bytes_borrowed(data: body.baseAddress, size: body.count)
            unsafe result.flags = response.areTokensEstimated ? SLUICE_FINAL_USAGE_ESTIMATED : 0
            guard let tokens = response.tokens else { return unsafe host.pointee.on_final(id, &result) }
            let usage = sluice_usage(
                prompt_tokens: UInt64(max(0, tokens.prompt)),
                completion_tokens: UInt64(max(0, tokens.completion))
            )
            unsafe withUnsafePointer(to: usage) { usage in
                unsafe result.usage = usage
                unsafe host.pointee.on_final(id, &result)
            }
        }
    }

    static func sendFinal(_ id: UInt64, status: Int32, _ failure: BackendFailure) {
        guard let host = unsafe table else { return }
        var message = failure.message
        let wait = failure.retryAfter.map {
            $0.components.seconds * 1_000 + $0.components.attoseconds / 1_000_000_000_000_000
        }
        message.withUTF8 { message in
            unsafe failure.body.withUnsafeBufferPointer { body in
                var result = unsafe sluice_final_borrowed()
                unsafe result.struct_size = UInt32(MemoryLayout<sluice_final_borrowed>.size)
                unsafe result.status = status
                unsafe result.retry_after_ms = UInt64(clamping: wait ?? 0)
                unsafe result.body = sluice_bytes_borrowed(data: body.baseAddress, size: body.count)
                unsafe result.message = sluice_bytes_borrowed(data: message.baseAddress, size: message.count)
                unsafe host.pointee.on_final(id, &result)
            }
        }
    }
}
