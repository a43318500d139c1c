/// Where a job is in its life. The raw value is the word used in SQL, HTTP, metrics and logs.
///
/// `scheduled` → `queued` → `running` → one of the terminal states. A running job goes back to `queued` or `scheduled`
/// when its attempt failed and may be retried, or when its worker died.
public enum JobState: String, Sendable, CaseIterable, Codable {
    /// Due later, or backing off after a failed attempt. Exits: `queued` when due, `cancelled`, `expired`.
    case scheduled
    /// May be claimed now. Exits: `running` by a claim, `cancelled`, `expired`.
    case queued
    /// Leased to a worker. Exits: every other state.
    case running
    /// Answered. Terminal.
    case succeeded
    /// Every allowed attempt failed, or one failed for good. Terminal until redriven.
    case failed
    /// Cancelled by its owner. Terminal.
    case cancelled
    /// Its deadline passed before a result. Terminal.
    case expired
    /// Took its worker down too often. Terminal until redriven.
    case quarantined

    /// Whether the job has its one result and will not change again unless it is redriven.
    public var isTerminal: Bool {
        switch self {
        case .scheduled, .queued, .running: false
        case .succeeded, .failed, .cancelled, .expired, .quarantined: true
        }
    }

    /// Whether the job is a dead letter: listable, and redrivable by `retry`.
    public var isDeadLetter: Bool { self == .failed || self == .quarantined }
}
