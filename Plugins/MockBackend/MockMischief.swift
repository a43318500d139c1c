import BackendABI
import BackendKit
import Dispatch
import Glibc

/// What a backend must not do, done on purpose.
enum MockMischief {
    /// Sends a final behind the back of BackendKit, which will send another.
    static func answer(_ id: UInt64, _ response: BackendResponse) {
        guard let host = Host.table else { return }
        response.body.withUnsafeBufferPointer { body in
            var result = sluice_final_borrowed()
            result.struct_size = UInt32(MemoryLayout<sluice_final_borrowed>.size)
            result.body = sluice_bytes_borrowed(data: body.baseAddress, size: body.count)
            host.pointee.on_final(id, &result)
        }
    }

    /// Sends a chunk behind the back of BackendKit.
    static func chunk(_ id: UInt64, _ chunk: [UInt8]) {
        guard let host = Host.table else { return }
        chunk.withUnsafeBufferPointer { bytes in
            host.pointee.on_chunk(id, sluice_bytes_borrowed(data: bytes.baseAddress, size: bytes.count))
        }
    }

    /// Never returns; the task and what it holds are lost.
    static func hang() async {
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }

    /// Sleeps also in a cancelled task, where `Task.sleep` would not.
    static func sleepUncancellably(_ time: Duration) async {
        let nanoseconds = time.components.seconds * 1_000_000_000 + time.components.attoseconds / 1_000_000_000
        await withUnsafeContinuation { (waiter: UnsafeContinuation<Void, Never>) in
            DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(Int(nanoseconds))) { waiter.resume() }
        }
    }

    /// Takes memory, uses it, and forgets it.
    static func leak(_ count: Int) {
        if let memory = malloc(count) { memset(memory, 1, count) }
    }
}
