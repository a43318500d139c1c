/// How fast jobs end here and how long a claim takes: together, how many jobs must wait in the worker so that its slots are
/// not idle while a claim is under way.
///
/// A slow backend gets none, so that it hoards nothing; one that answers in microseconds gets hundreds.
struct Pace: Sendable {
    private static let weight = 0.2
    private static let most = 512.0

    private var claimSeconds = 0.002
    private var jobsPerSecond = 0.0
    private var windowStart: Duration?
    private var windowJobs = 0

    /// The jobs that end while one claim is under way, twice: one claim's worth on the way, one to work on.
    var jobsPerClaim: Int { Int(min(Self.most, jobsPerSecond * claimSeconds * 2)) }

    mutating func claimReturned(jobs: Int, asked: Int, latency: Duration) {
        claimSeconds += Self.weight * (min(1, latency.inSeconds) - claimSeconds)
    }

    mutating func jobEnded(at now: Duration) {
        guard let start = windowStart else {
            windowStart = now
            return
        }
        windowJobs += 1
        let seconds = (now - start).inSeconds
        // Ten milliseconds are enough to see a fast backend, and a thousand jobs are enough in less.
        guard seconds >= 0.01 || windowJobs >= 1000, seconds > 0 else { return }
        jobsPerSecond += Self.weight * (Double(windowJobs) / seconds - jobsPerSecond)
        windowStart = now
        windowJobs = 0
    }
}

extension Duration {
    /// As a number, for rates.
    var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
