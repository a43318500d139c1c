import CLinux
import Glibc

/// A command in whose process code of strangers runs.
protocol BackendHosting {}

/// What a process does to itself before code of strangers runs in it.
enum ProcessGuard {
    /// Descriptors a worker may hold open: connections of its backend.
    private static let openFiles: UInt64 = 65_536

    /// Gives up what a backend must not have: new privileges, and core files full of people's prompts.
    ///
    /// To be called while the main thread is the only one: privileges are a thread's, and pass to those it makes.
    static func hardenForBackend() {
        // Both can fail only where the kernel is older than what Sluice runs on; the backend is then as strong as we are.
        _ = linux_no_new_privileges()
        _ = linux_set_limit(linux_limit_core, 0)
        // Fails where the hard limit is lower: then that one stays.
        _ = linux_set_limit(linux_limit_open_files, openFiles)
    }

    /// Asks the kernel to tell this process to drain when its parent ends.
    static func drainWithParent() {
        // The lifeline says the same, also when the parent was gone before this call.
        _ = linux_die_with_parent(SIGTERM)
    }

    /// Bounds private memory, so that one huge allocation between two looks at the resident size fails at once.
    ///
    /// Address space that is reserved and not used, thread stacks say, counts here: hence the room above `resident`.
    static func limitMemory(resident: Int) {
        _ = linux_set_limit(linux_limit_data, UInt64(resident + max(resident / 2, 256 << 20)))
    }

    /// Bytes of memory this process has resident, or nil when the system does not say.
    static func residentBytes() -> Int? {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let words = buffer[..<count].split(separator: UInt8(ascii: " "))
        guard words.count > 1, let pages = Int(String(decoding: words[1], as: UTF8.self)) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Under LeakSanitizer, looks for leaks now, which `end` would pass by, and ends the process when there are some.
    ///
    /// Does nothing in a usual build.
    static func lookForLeaks() {
        fflush(nil)
        guard let look = dlsym(nil, "__lsan_do_leak_check") else { return }
        unsafeBitCast(look, to: (@convention(c) () -> Void).self)()
    }

    /// Ends the process now, without waiting for threads a backend may have left hanging.
    ///
    /// Log lines are written as they are made, so none is lost.
    static func end(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }
}
