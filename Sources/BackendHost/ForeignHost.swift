internal import BackendABI
internal import Glibc
internal import Synchronization

/// Tables of hosts that are not this one, for trials of how a backend reads them. They live until the process ends.
enum ForeignHost {
    /// How far the minor version of the newer host is ahead.
    static let newerBy: UInt32 = 7

    /// How often a function of a `watched` host was called.
    static var callsSeen: Int { seen.load(ordering: .relaxed) }

    private static let seen = Atomic<Int>(0)

    /// A host of this version whose functions do nothing but count.
    static func watched() -> UnsafePointer<sluice_host> {
        let table = UnsafeMutablePointer<sluice_host>.allocate(capacity: 1)
        unsafe table.initialize(to: HostTable.pointer.pointee)
        unsafe table.pointee.on_chunk = { _, _ in ForeignHost.seen.add(1, ordering: .relaxed) }
        unsafe table.pointee.on_final = { _, _ in ForeignHost.seen.add(1, ordering: .relaxed) }
        unsafe table.pointee.is_cancelled = { _ in
            ForeignHost.seen.add(1, ordering: .relaxed)
            return 0
        }
        unsafe table.pointee.log = { _, _ in ForeignHost.seen.add(1, ordering: .relaxed) }
        return unsafe UnsafePointer(table)
    }

    /// This host as a later minor version may be: more fields at the end.
    static func newerMinor() -> UnsafePointer<sluice_host> {
        let size = MemoryLayout<sluice_host>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size + 64, alignment: 16)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xa5, count: size + 64)
        let table = unsafe memory.bindMemory(to: sluice_host.self, capacity: 1)
        unsafe table.initialize(to: HostTable.pointer.pointee)
        unsafe table.pointee.struct_size = UInt32(size + 64)
        unsafe table.pointee.abi_minor = SLUICE_ABI_MINOR + newerBy
        return unsafe UnsafePointer(table)
    }

    /// A host of version 1.0, whose table ends where memory that can be read ends.
    static func oldest() -> UnsafePointer<sluice_host>? {
        // What 1.0 had: everything up to the field `log`.
        let size = unsafe MemoryLayout<sluice_host>.offset(of: \.log).map { $0 + MemoryLayout<UInt>.size } ?? 0
        guard let memory = unsafe memoryBeforeTheEnd(size) else { return nil }
        unsafe memory.copyMemory(from: HostTable.pointer, byteCount: size)
        let table = unsafe UnsafeMutablePointer<sluice_host>(OpaquePointer(memory))
        unsafe table.pointee.struct_size = UInt32(size)
        unsafe table.pointee.abi_minor = 0
        return unsafe UnsafePointer(table)
    }

    /// A host of the next major version: nothing but size and version can be read of it.
    static func otherMajor() -> UnsafePointer<sluice_host>? {
        let size = 4 * MemoryLayout<UInt32>.size
        guard let memory = unsafe memoryBeforeTheEnd(size) else { return nil }
        let words = unsafe memory.bindMemory(to: UInt32.self, capacity: 4)
        unsafe words[0] = UInt32(size)
        unsafe words[1] = SLUICE_ABI_MAJOR + 1
        unsafe words[2] = 0
        unsafe words[3] = 0
        return unsafe UnsafePointer<sluice_host>(OpaquePointer(memory))
    }

    /// `size` bytes with an unreadable page behind them.
    private static func memoryBeforeTheEnd(_ size: Int) -> UnsafeMutableRawPointer? {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let memory = unsafe mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED,
            unsafe mprotect(memory + page, page, PROT_NONE) == 0
        else { return nil }
        return unsafe memory + (page - size)
    }
}
