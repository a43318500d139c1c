import Logging
import Telemetry

/// Logs a failure that repeats once per cause.
struct Complaint {
    private let what: String
    private let logger: Logger
    private var last: String?

    /// Complains of `what` to `logger`.
    init(_ what: String, _ logger: Logger) {
        self.what = what
        self.logger = logger
    }

    /// It failed.
    mutating func failed(_ error: any Error) {
        let cause = "\(error)"
        guard cause != last else { return }
        last = cause
        logger.warning("\(what) failed, and is tried again.", metadata: [LogKey.error: "\(cause)"])
    }

    /// It succeeded.
    mutating func succeeded() {
        guard last != nil else { return }
        last = nil
        logger.notice("\(what) works again.")
    }
}
