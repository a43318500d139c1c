import FoundationEssentials
import Glibc
import Synchronization

/// Looks once a second at how much memory each child has resident.
///
/// Polling, since no limit of the kernel serves: RLIMIT_AS counts mapped model files, and what a backend maps privately
/// RLIMIT_DATA does not tell from what it uses.
final class MemoryWatch: Sendable {
    /// How often it looks.
    static let interval = Duration.seconds(1)

    private let limit: Int?
    private let processes = Mutex<[Int: Int32]>([:])

    /// A watch for children past `limit` bytes; nil watches nothing.
    init(limit: Int?) { self.limit = limit }

    /// `child` is the process `processID` from now on.
    func started(_ child: Int, processID: Int32) { processes.withLock { $0[child] = processID } }

    /// `child` is no more.
    func ended(_ child: Int) { _ = processes.withLock { $0.removeValue(forKey: child) } }

    /// Calls `exceeded` with the child and its bytes, at each look, until the task is cancelled.
    func run(_ exceeded: @Sendable (Int, Int) -> Void) async {
        guard let limit else { return }
        while !Task.isCancelled {
            for (child, processID) in processes.withLock({ $0 }) {
                if let bytes = Self.residentBytes(of: processID), bytes > limit { exceeded(child, bytes) }
            }
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }

    /// The resident bytes of a process; nil when it is gone.
    static func residentBytes(of processID: Int32) -> Int? {
        guard let contents = FileManager.default.contents(atPath: "/proc/\(processID)/statm") else { return nil }
        let fields = String(decoding: contents, as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
