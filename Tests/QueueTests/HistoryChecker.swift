import Domain

/// Something a client of the queue saw, or what was stored in the end.
enum HistoryEvent: Sendable, Hashable {
    /// An enqueue returned the id.
    case acknowledged(job: Int64)
    /// A claim returned the attempt.
    case claimed(job: Int64, attempt: Int16, worker: Int64)
    /// A finish was accepted. `isLast`: its outcome ends the job.
    case finishAccepted(job: Int64, attempt: Int16, worker: Int64, isLast: Bool)
    /// A finish was refused.
    case finishRefused(job: Int64, attempt: Int16, worker: Int64)
    /// A worker was declared dead: it lost every lease it held.
    case leasesLost(worker: Int64)
    /// The second attempt of the job, begun because it was late, answered it.
    case overtaken(job: Int64)
    /// A cancel found the job before it ran, and ended it.
    case cancelled(job: Int64)
    /// The result there was when everything had come to rest.
    case stored(job: Int64, attempt: Int16, state: JobState)
}

/// Says what is wrong with a history of the queue; nothing, if each acknowledged job ended exactly once, by the holder of its
/// last attempt, and ran again only when it was given back or lost its lease.
///
/// The order of events does not matter: what was seen first by one client may be written down last.
struct HistoryChecker {
    private struct Life {
        var acknowledgements = 0
        var claims: [Int16: [Int64]] = [:]
        var accepted: [Int16: [(worker: Int64, isLast: Bool)]] = [:]
        var refused: [(attempt: Int16, worker: Int64)] = []
        var cancels = 0
        var overtakings = 0
        var stored: [(attempt: Int16, state: JobState)] = []
    }

    private var lives: [Int64: Life] = [:]
    private var lost: Set<Int64> = []

    init(_ events: some Sequence<HistoryEvent>) {
        for event in events {
            switch event {
            case .acknowledged(let job): lives[job, default: Life()].acknowledgements += 1
            case .claimed(let job, let attempt, let worker):
                lives[job, default: Life()].claims[attempt, default: []].append(worker)
            case .finishAccepted(let job, let attempt, let worker, let isLast):
                lives[job, default: Life()].accepted[attempt, default: []].append((worker, isLast))
            case .finishRefused(let job, let attempt, let worker):
                lives[job, default: Life()].refused.append((attempt, worker))
            case .leasesLost(let worker): lost.insert(worker)
            case .overtaken(let job): lives[job, default: Life()].overtakings += 1
            case .cancelled(let job): lives[job, default: Life()].cancels += 1
            case .stored(let job, let attempt, let state):
                lives[job, default: Life()].stored.append((attempt, state))
            }
        }
    }

    /// One sentence for each rule a job broke.
    var violations: [String] {
        lives.sorted { $0.key < $1.key }.flatMap { job, life in violations(of: life).map { "job \(job): \($0)" } }
    }

    /// How often a job ran again although nobody had given it back.
    var duplicates: Int { lives.values.reduce(0) { $0 + lostAttempts(of: $1).count } }

    private func lostAttempts(of life: Life) -> [Int16] {
        let last = life.claims.keys.max() ?? 0
        return life.claims.keys.filter { $0 < last && life.accepted[$0] == nil }
    }

    private func violations(of life: Life) -> [String] {
        var found: [String] = []
        if life.acknowledgements != 1 { found.append("acknowledged \(life.acknowledgements) times") }
        let last = life.claims.keys.max() ?? 0
        if life.claims.count != Int(last) { found.append("attempts \(life.claims.keys.sorted()) do not rise by one") }
        for (attempt, workers) in life.claims where workers.count > 1 {
            found.append("attempt \(attempt) was claimed by \(workers)")
        }
        for (attempt, ends) in life.accepted {
            if ends.count > 1 { found.append("attempt \(attempt) ended \(ends.count) times") }
            for end in ends where life.claims[attempt]?.contains(end.worker) != true {
                found.append("attempt \(attempt) was ended by worker \(end.worker), who did not hold it")
            }
            if ends.contains(where: \.isLast), attempt != last {
                found.append("attempt \(attempt) ended the job, though attempt \(last) was made")
            }
        }
        for attempt in lostAttempts(of: life) where life.claims[attempt]?.contains(where: lost.contains) != true {
            found.append("attempt \(attempt) was repeated, though it was neither given back nor lost")
        }
        for (attempt, worker) in life.refused where !lost.contains(worker) && life.accepted[attempt] == nil {
            // The last may have been overtaken by the second attempt beside it.
            if attempt == last, life.overtakings == 1 { continue }
            found.append("attempt \(attempt) was refused, though worker \(worker) had not lost it")
        }
        return found + endViolations(of: life, last: last)
    }

    private func endViolations(of life: Life, last: Int16) -> [String] {
        guard let end = life.stored.first, life.stored.count == 1 else { return ["has \(life.stored.count) results"] }
        var found: [String] = []
        if !end.state.isTerminal { found.append("ended as \(end.state)") }
        // A second attempt that answers is the next one.
        let expected = last + Int16(life.overtakings)
        if end.attempt != expected { found.append("its result is of attempt \(end.attempt), not \(expected)") }
        let ends = life.accepted.values.joined().count { $0.isLast } + life.cancels + life.overtakings
        if ends > 1 { found.append("was ended \(ends) times") }
        // Without an end anybody saw, it can only have been ended for a worker that was lost, or cancelled in a batch.
        if ends == 0, life.claims[last]?.contains(where: lost.contains) != true || life.accepted[last] != nil {
            found.append("ended as \(end.state), but nobody ended it")
        }
        return found
    }
}
