internal import BackendABI
internal import Glibc
internal import Synchronization

/// Where lines a backend logs go.
///
/// One receiver for the process, since a process hosts one backend.
package enum BackendLog {
    /// How much a line matters.
    package enum Level: Int32, Sendable, CaseIterable {
        case debug, info, warning, error
    }

    /// Sends every line to `receiver` from now on; it is called on the backend's threads and must be quick.
    ///
    /// Lines are valid UTF-8 of at most 2 KiB without control characters. Until a receiver is set, lines of level
    /// warning and above go to standard error.
    package static func receive(_ receiver: @escaping @Sendable (Level, String) -> Void) {
        current.withLock { $0 = receiver }
    }

    private static let current = Mutex<(@Sendable (Level, String) -> Void)?>(nil)

    static func deliver(_ level: Int32, _ text: sluice_bytes_borrowed) {
        let level = Level(rawValue: min(max(level, 0), 3)) ?? .error
        let line = unsafe boundedLine(text)
        if let receiver = current.withLock({ $0 }) {
            receiver(level, line)
        } else if level.rawValue >= Level.warning.rawValue {
            let bytes = Array("backend: \(line)\n".utf8)
            _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
    }
}

/// The text of a backend as one line of at most 2 KiB: broken UTF-8 repaired, control characters turned into spaces.
func boundedLine(_ text: sluice_bytes_borrowed) -> String {
    guard let data = unsafe text.data, unsafe text.size > 0 else { return "" }
    let bytes = unsafe UnsafeBufferPointer(start: data, count: min(text.size, Int(SLUICE_MAX_MESSAGE_BYTES)))
    let plain = unsafe bytes.map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 }
    return String(decoding: plain, as: UTF8.self)
}
