internal import BackendABI
internal import Domain
internal import JSONText
internal import Synchronization

/// What a backend's callbacks do.
///
/// They come from any thread, with any number.
extension CallTable {
    static func chunkArrived(_ id: CallID, _ chunk: sluice_bytes_borrowed) {
        guard let table = unsafe CallTables.find(id) else { return }
        enum Verdict {
            case deliver(@Sendable ([UInt8]) -> Void)
            case drop, late
        }
        let verdict: Verdict = unsafe table.pointee.withCall(id.slot) { call in
            guard call.generation == id.generation, call.phase == .open else {
                return call.generation == id.generation && call.phase == .abandoned ? .drop : .late
            }
            return call.onChunk.map { .deliver($0) } ?? .drop
        }
        switch verdict {
        case .deliver(let onChunk):
            guard let bytes = unsafe copy(chunk), !bytes.isEmpty, isOneValue(bytes) else {
                unsafe table.pointee.badChunks.add(1, ordering: .relaxed)
                return
            }
            onChunk(bytes)
        case .drop: break
        case .late: unsafe table.pointee.lateChunks.add(1, ordering: .relaxed)
        }
    }

    static func finalArrived(_ id: CallID, _ result: UnsafePointer<sluice_final_borrowed>?) {
        guard let table = unsafe CallTables.find(id) else { return }
        _ = unsafe table.pointee.end(id, outcome(of: result))
    }

    static func isCancelled(_ id: CallID) -> Bool {
        guard let table = unsafe CallTables.find(id) else { return true }
        return unsafe table.pointee.withCall(id.slot) { call in
            call.generation != id.generation || call.phase != .open || call.isCancelled
        }
    }

    /// The size of a final in version 1.0: everything before `flags`.
    private static var finalSize10: Int { unsafe MemoryLayout<sluice_final_borrowed>.offset(of: \.flags) ?? .max }

    private static func outcome(of result: UnsafePointer<sluice_final_borrowed>?) -> BackendOutcome {
        guard let given = unsafe result, unsafe Int(given.pointee.struct_size) >= finalSize10
        else { return lie("the backend's final has no content or an impossible size") }
        // Only as much of it as there is: a backend of an older version has none of the newer fields.
        var result = unsafe sluice_final_borrowed()
        unsafe withUnsafeMutableBytes(of: &result) { copy in
            let size = unsafe min(Int(given.pointee.struct_size), copy.count)
            unsafe copy.copyMemory(from: UnsafeRawBufferPointer(start: given, count: size))
        }
        let body: [UInt8]? = unsafe copy(result.body)
        guard unsafe UInt32(bitPattern: result.status) != SLUICE_CANCELLED.rawValue else { return .cancelled }
        guard unsafe result.status == 0 else {
            let wait = unsafe min(result.retry_after_ms, 86_400_000)
            return unsafe .failed(
                class: ErrorClass(abiStatus: result.status),
                message: boundedLine(result.message),
                retryAfter: wait == 0 ? nil : .milliseconds(Int64(wait)),
                body: body.flatMap { !$0.isEmpty && isOneValue($0) ? $0 : nil }
            )
        }
        guard let body else { return lie("the backend's answer is larger than 64 MiB") }
        guard isOneValue(body) else { return lie("the backend's answer is not JSON") }
        let usage = unsafe result.usage.map { usage in
            unsafe Usage(
                promptTokens: Int(clamping: usage.pointee.prompt_tokens),
                completionTokens: Int(clamping: usage.pointee.completion_tokens),
                isEstimated: result.flags & SLUICE_FINAL_USAGE_ESTIMATED != 0
            )
        }
        return .succeeded(body: body, usage: usage)
    }

    private static func lie(_ message: String) -> BackendOutcome {
        .failed(class: .retryable, message: message, retryAfter: nil, body: nil)
    }

    private static func isOneValue(_ bytes: [UInt8]) -> Bool {
        unsafe bytes.withUnsafeBufferPointer { unsafe JSONCursor.isOneValue($0) }
    }

    /// A copy of borrowed bytes, or nil when they exceed the bound.
    private static func copy(_ bytes: sluice_bytes_borrowed) -> [UInt8]? {
        guard unsafe bytes.size <= Int(SLUICE_MAX_BODY_BYTES) else { return nil }
        guard let data = unsafe bytes.data else { return [] }
        return unsafe [UInt8](UnsafeBufferPointer(start: data, count: bytes.size))
    }
}

extension ErrorClass {
    /// The class of a status of the ABI; what is not known counts as retryable.
    init(abiStatus status: Int32) {
        self =
            switch sluice_status(rawValue: UInt32(bitPattern: status)) {
            case SLUICE_RATE_LIMITED: .rateLimited
            case SLUICE_INVALID_REQUEST: .invalidRequest
            case SLUICE_AUTH: .auth
            case SLUICE_UNSUPPORTED: .unsupported
            case SLUICE_OVERLOADED: .overloaded
            case SLUICE_FATAL: .fatal
            default: .retryable
            }
    }
}
