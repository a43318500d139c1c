import CLinux
import Glibc
import Lifeline
import ServiceLifecycle
import Synchronization

/// Ends a worker whose parent is gone: standard input is a pipe the parent holds, and its end is the message.
///
/// A thread of its own waits, because a backend may have taken every other. As a service it returns at the pipe's end, so
/// that the group drains; what is not done after `grace` is left to the reaper.
final class ParentLifeline: Service {
    /// How long the worker may go on without a parent. Its jobs run elsewhere soon after.
    static let graceMilliseconds: Int32 = 5_000

    private let ends: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() {
        (ends, continuation) = AsyncStream.makeStream()
    }

    func run() async throws {
        let pointer = Unmanaged.passRetained(self).toOpaque()
        let failure = linux_thread_start(
            "lifeline",
            { pointer in
                guard let pointer else { return }
                Unmanaged<ParentLifeline>.fromOpaque(pointer).takeRetainedValue().watch()
            },
            pointer)
        guard failure == 0 else { throw POSIXFailure(code: failure) }
        await cancelWhenGracefulShutdown {
            for await _ in self.ends {}
        }
    }

    /// A thread could not be started.
    struct POSIXFailure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { "The lifeline cannot be watched: \(String(cString: strerror(code)))." }
    }

    private func watch() {
        var byte: UInt8 = 0
        while true {
            let count = read(STDIN_FILENO, &byte, 1)
            if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { break }
        }
        continuation.finish()
        poll(nil, 0, Self.graceMilliseconds)
        ProcessGuard.end(WorkerExit.orphaned.rawValue)
    }
}
