internal import Synchronization

/// Every table of the process, found by number without a lock.
enum CallTables {
    /// Tables a process may make.
    ///
    /// They are reused, so this bounds the instances that live at once.
    static let maximumCount = 1_024

    /// The table a call number names, or nil when there is none or the slot is past its end.
    @inline(__always)
    static func find(_ id: CallID) -> UnsafeMutablePointer<CallTable>? {
        guard id.table < maximumCount, id.generation != 0 else { return nil }
        let bits = unsafe (entries.pointer + id.table).pointee.load(ordering: .acquiring)
        guard let table = unsafe UnsafeMutablePointer<CallTable>(bitPattern: bits),
            unsafe id.slot < table.pointee.capacity
        else { return nil }
        return unsafe table
    }

    /// A table of at least `slots` slots for the caller alone, or nil when `maximumCount` are in use.
    static func acquire(slots: Int) -> UnsafeMutablePointer<CallTable>? {
        unsafe register.withLock { register in
            if let place = register.idle.firstIndex(where: { $0.capacity == slots }) {
                let number = register.idle.remove(at: place).number
                let bits = unsafe (entries.pointer + number).pointee.load(ordering: .relaxed)
                let table = unsafe UnsafeMutablePointer<CallTable>(bitPattern: bits)
                unsafe table?.pointee.reset()
                return unsafe table
            }
            guard register.made < maximumCount else { return nil }
            let table = UnsafeMutablePointer<CallTable>.allocate(capacity: 1)
            unsafe table.initialize(to: CallTable(number: UInt16(register.made), capacity: slots))
            unsafe (entries.pointer + register.made).pointee.store(UInt(bitPattern: table), ordering: .releasing)
            register.made += 1
            return unsafe table
        }
    }

    /// Gives a table back.
    ///
    /// Every call in it must have ended.
    static func release(_ table: UnsafeMutablePointer<CallTable>) {
        let idle = unsafe Register.Idle(number: Int(table.pointee.number), capacity: table.pointee.capacity)
        register.withLock { $0.idle.append(idle) }
    }

    private struct Register {
        struct Idle {
            var number: Int
            var capacity: Int
        }
        var made = 0
        var idle: [Idle] = []
    }

    private static let register = Mutex(Register())

    @safe private struct Entries: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<Atomic<UInt>>
    }

    private static let entries: Entries = {
        let pointer = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: maximumCount)
        for index in 0..<maximumCount { unsafe (pointer + index).initialize(to: Atomic(0)) }
        return unsafe Entries(pointer: pointer)
    }()
}
