import Domain
import HTTPTypes
import Queue
import Synchronization

/// What the gateway has done since it started, for its metrics. Labels are bounded: kinds and outcomes are closed
/// vocabularies, status codes a handful.
final class RequestCounters: Sendable {
    /// The upper ends of the buckets of a histogram, seconds.
    static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

    struct Histogram: Sendable {
        var buckets = [Int](repeating: 0, count: RequestCounters.bounds.count + 1)
        var sum = 0.0

        mutating func add(_ seconds: Double) {
            buckets[RequestCounters.bounds.firstIndex { seconds <= $0 } ?? RequestCounters.bounds.count] += 1
            sum += seconds
        }
    }

    struct State: Sendable {
        var responses: [Int: Int] = [:]
        var duration = Histogram()
        var jobs: [String: Int] = [:]
        var queued = Histogram()
        var ran = Histogram()
        var tokens = (prompt: 0, completion: 0)
    }

    private let state = Mutex(State())

    /// All of it, as of now.
    var snapshot: State { state.withLock { $0 } }

    /// A request was answered.
    func answered(_ status: HTTPResponse.Status, after time: Duration) {
        state.withLock { state in
            state.responses[status.code, default: 0] += 1
            state.duration.add(time.seconds)
        }
    }

    /// A job that somebody waited for has ended.
    func ended(_ result: JobResult, kind: JobKind) {
        state.withLock { state in
            state.jobs["kind=\"\(kind.rawValue)\",state=\"\(result.state.rawValue)\"", default: 0] += 1
            state.queued.add(Double(result.queuedMilliseconds) / 1_000)
            state.ran.add(Double(result.runMilliseconds) / 1_000)
            state.tokens.prompt += Int(result.promptTokens ?? 0)
            state.tokens.completion += Int(result.completionTokens ?? 0)
        }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
