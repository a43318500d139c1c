/// When a request is given up, and for which of its limits.
struct CallClock: Sendable {
    /// What took too long.
    enum Limit: Sendable, Hashable {
        case firstByte, idle, whole
    }

    private let times: OpenAIConfiguration.Times
    private let end: ContinuousClock.Instant
    private var phase: (limit: Limit, due: ContinuousClock.Instant)

    /// A clock of a request that begins at `start` and has `timeLeft` until its deadline, nil when it has none.
    init(_ times: OpenAIConfiguration.Times, timeLeft: Duration?, start: ContinuousClock.Instant) {
        self.times = times
        end = start + min(times.whole, timeLeft ?? times.whole)
        phase = (.firstByte, start + times.firstByte)
    }

    /// Notes that the request was sent anew: with another key.
    mutating func restarted(at now: ContinuousClock.Instant) { phase = (.firstByte, now + times.firstByte) }

    /// Notes that a part of the answer came, its head or some of its body.
    mutating func received(at now: ContinuousClock.Instant) { phase = (.idle, now + times.idle) }

    /// When to look at the clock again: what comes may bring the next limit nearer, if the time between two parts may
    /// be shorter than that to the first; a quarter of it is how late that is noticed at most.
    func nextLook(after now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        phase.limit == .firstByte ? min(due.at, now + max(times.idle / 4, .milliseconds(5))) : due.at
    }

    /// The next moment at which the request is given up unless something comes, and why.
    var due: (limit: Limit, at: ContinuousClock.Instant) {
        phase.due < end ? (phase.limit, phase.due) : (.whole, end)
    }
}

extension CallClock.Limit {
    /// What is told of a request that was given up.
    var sentence: String {
        switch self {
        case .firstByte: "the upstream did not begin to answer in time"
        case .idle: "the upstream stopped in the middle of its answer"
        case .whole: "the upstream did not finish its answer in time"
        }
    }
}
