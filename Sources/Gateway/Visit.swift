import Admission
import Domain
import Hummingbird
import Queue
import Synchronization

/// One request on its way through the gateway: what becomes of it is noted here by whoever learns of it, for its log
/// lines and the headers of its answer.
final class Visit: Sendable {
    struct Notes: Sendable {
        var client = ""
        var caller: KeyOwnerName?
        var model: String?
        var job: Int64?
        var result: JobResult?
        var promptCharacters: Int?
        /// `member=value` for every number that was clamped.
        var clamped: [String] = []
        var charge: RequestCharge?
        /// What is left of the limits that refused it, as headers.
        var limits: [(name: String, value: String)] = []
        /// Of jobs that are not queued yet.
        var passes: [QueueDoor.Pass] = []
        /// The request and the answer, only where they are to be logged.
        var request: String?
        var answer: String?
    }

    /// When it came.
    let began = ContinuousClock.now
    private let state = Mutex(Notes())

    /// What is known so far.
    var notes: Notes { state.withLock { $0 } }

    /// Notes what somebody learned.
    func note(_ change: (inout Notes) -> Void) { state.withLock { change(&$0) } }

    /// Its job, or one of them, was queued.
    func queued(_ job: Int64) {
        let pass = state.withLock { notes in
            notes.job = job
            return notes.passes.popLast()
        }
        pass?.queued()
    }

    /// Its job has ended: what it used is charged instead of what it was estimated to.
    func ended(_ result: JobResult) {
        let charge = state.withLock { notes in
            notes.result = result
            if notes.request != nil { notes.answer = result.body.map(Self.excerpt) }
            return notes.charge
        }
        charge?.settle(used: Int(result.promptTokens ?? 0) + Int(result.completionTokens ?? 0))
    }

    /// As much of a body as a log line takes.
    static func excerpt(_ body: [UInt8]) -> String { String(decoding: body.prefix(1_024), as: UTF8.self) }
}
