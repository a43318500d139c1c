import Synchronization
import Terminal

/// How much of a file was checked: told from a thread of its own.
final class BatchCheckProgress: Sendable {
    private let display: Mutex<ProgressDisplay>

    init(_ size: Int64, _ console: Console) {
        display = Mutex(ProgressDisplay(ProgressMeter("checking", total: size, unit: .bytes), on: console))
    }

    func advanced(to bytes: Int64) { display.withLock { $0.advanced(to: bytes) } }

    func finish() { display.withLock { $0.finish() } }
}
