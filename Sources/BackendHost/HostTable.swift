internal import BackendABI

/// What the host offers to backends: plain C functions that know a call by its number alone.
///
/// They are formed here, in a file of nothing else, because a closure formed under an actor would trap on a backend's
/// thread.
enum HostTable {
    /// One table for the process; lives until it ends.
    static var pointer: UnsafePointer<sluice_host> { unsafe immortal.pointer }

    private static let immortal: ImmortalHost = {
        let pointer = UnsafeMutablePointer<sluice_host>.allocate(capacity: 1)
        unsafe pointer.initialize(
            to: sluice_host(
                struct_size: UInt32(MemoryLayout<sluice_host>.size),
                abi_major: SLUICE_ABI_MAJOR,
                abi_minor: SLUICE_ABI_MINOR,
                reserved: 0,
                on_chunk: { id, chunk in unsafe CallTable.chunkArrived(CallID(id), chunk) },
                on_final: { id, result in unsafe CallTable.finalArrived(CallID(id), result) },
                is_cancelled: { id in CallTable.isCancelled(CallID(id)) ? 1 : 0 },
                log: { level, text in unsafe BackendLog.deliver(level, text) }
            )
        )
        return unsafe ImmortalHost(pointer: UnsafePointer(pointer))
    }()
}

@safe private struct ImmortalHost: @unchecked Sendable {
    let pointer: UnsafePointer<sluice_host>
}

/// A call's number on the wire: generation (32 bits), table (16), slot (16).
///
/// Generations begin at 1, so 0 names no call.
struct CallID: Equatable {
    let raw: UInt64

    init(_ raw: UInt64) { self.raw = raw }

    init(generation: UInt32, table: UInt16, slot: Int) {
        raw = UInt64(generation) << 32 | UInt64(table) << 16 | UInt64(slot)
    }

    var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
    var table: Int { Int(raw >> 16 & 0xffff) }
    var slot: Int { Int(raw & 0xffff) }
}
