package import Queue

/// What one worker holds and what it should do next.
///
/// A pure machine: events come in with the time of a monotonic clock, and it says what to claim, start, cancel and give up.
/// Everything leased is in `held` from the moment a claim returned it until the database took its end, so that the
/// heartbeat, the drain and a new connection all speak of the same jobs.
package struct WorkerMachine: Sendable {
    /// What the worker is up to.
    package enum Phase: Sendable, Equatable {
        /// Claims and runs. Exits: `gathering` when suspects wait for it, `draining`.
        case running
        /// Claims no more until nothing is held, to run suspects alone. Exits: `alone`, `draining`.
        case gathering
        /// Runs one suspect at a time. Exits: `running` when none is left, `draining`.
        case alone
        /// Claims no more; ends when nothing is held.
        case draining
    }

    /// Why a running job was told to stop: it decides how its attempt ends.
    package enum StopReason: Sendable, Equatable {
        /// Its owner cancelled it.
        case cancelled
        /// A second attempt elsewhere has answered.
        case overtaken
        /// Its deadline passed.
        case deadline
        /// It exceeded the time of an attempt.
        case timeout
        /// The worker drains and its grace is over.
        case drain
    }

    /// The bounds a worker works within.
    package struct Limits: Sendable {
        /// Jobs at a time, 1 to 4,096.
        package var slots: Int
        /// At most this many jobs wait in the worker for a slot.
        package var buffer = 512
        /// At most this many jobs have ended here without the database knowing: with a database that is slow to take
        /// ends, a worker that went on claiming would hold more and more.
        package var ends = 1000
        /// The longest an attempt may take.
        package var attemptTimeout: Duration
        /// How long a job that was told to stop may take to do so before the backend counts as hung.
        package var cancelGrace = Duration.seconds(5)

        package init(slots: Int, attemptTimeout: Duration) {
            self.slots = slots
            self.attemptTimeout = attemptTimeout
        }
    }

    private struct Held {
        var job: ClaimedJob
        var deadlineAt: Duration?
        var startedAt: Duration?
        var stoppedAt: Duration?
        var reason: StopReason?
        var isFinishing = false
        /// Whether the same attempt was leased here again while its end was on its way.
        var isLeasedAgain = false
    }

    /// What the worker is up to.
    package private(set) var phase = Phase.running
    /// Jobs whose backend did not stop in time. They are never finished by this process.
    package private(set) var hung: [Int64] = []
    /// How many jobs it may hold at most, while something holds it back; nil for no such bound.
    package var allowance: Int?

    private let limits: Limits
    private var held: [Int64: Held] = [:]
    private var buffer: [Int64] = []
    private var bufferHead = 0
    private var running = 0
    private var isClaiming = false
    private var lastClaimWasShort = false
    private var pace = Pace()

    /// A worker that holds nothing.
    package init(limits: Limits) { self.limits = limits }

    // MARK: What to do

    /// Everything leased to this worker, as far as it knows, sorted.
    package var heldJobs: [Int64] { held.keys.sorted() }

    /// Whether nothing is held that could still end, and no claim is under way that could bring more.
    package var isIdle: Bool { held.count == hung.count && !isClaiming }

    /// Whether the last claim found less than it asked for, so that the next one should announce that it waits.
    package var shouldWait: Bool { lastClaimWasShort }

    /// Whether jobs wait here for a slot.
    package var hasWaitingJobs: Bool { buffered > 0 }

    /// Whether the worker waits for a notification, because it found the queue empty. Then a slot that comes free is no
    /// reason to look again; while it waits for room, it is.
    package var waitsForWork = false

    /// Whether a claim is worth its while now.
    package var wantsClaim: Bool { !waitsForWork && room != nil }

    private var buffered: Int { buffer.count - bufferHead }

    private var room: Int? {
        guard phase == .running, !isClaiming, hung.isEmpty else { return nil }
        let wanted = limits.slots - running + min(limits.buffer, pace.jobsPerClaim) - buffered
        let room = min(
            wanted, limits.slots + limits.buffer + limits.ends - held.count, allowance.map { $0 - held.count } ?? .max)
        // With everything busy, wait until a good part has come free: a claim costs about the same for one job as for many.
        let isFree = running == 0 && buffered == 0 || allowance != nil
        let least = isFree ? 1 : min(limits.slots, max(1, pace.jobsPerClaim / 4))
        return room >= least ? room : nil
    }

    /// How many jobs to claim now; nil: none. A claim follows, and `claimReturned` or `claimFailed` after it.
    package mutating func beginClaim() -> Int? {
        guard let room else { return nil }
        isClaiming = true
        return min(room, 1000)
    }

    /// Whether to claim a suspect now. If so a claim follows, and `suspectClaimed` or `claimFailed` after it.
    package mutating func beginSuspectClaim() -> Bool {
        guard phase == .alone, isIdle else { return false }
        isClaiming = true
        return true
    }

    /// The next job to start, if one waits and may start.
    package mutating func startNext(at now: Duration) -> ClaimedJob? {
        while bufferHead < buffer.count {
            let id = buffer[bufferHead]
            bufferHead += 1
            if bufferHead == buffer.count {
                buffer.removeAll(keepingCapacity: true)
                bufferHead = 0
            }
            // One that was given back and came again stands here twice.
            guard var entry = held[id], !entry.isFinishing, entry.startedAt == nil else { continue }
            entry.startedAt = now
            held[id] = entry
            running += 1
            return entry.job
        }
        return nil
    }

    /// How much time an attempt of `job` that starts at `now` has.
    package func timeLeft(of job: Int64, at now: Duration) -> Duration {
        guard let deadline = held[job]?.deadlineAt else { return limits.attemptTimeout }
        return min(limits.attemptTimeout, max(.zero, deadline - now))
    }

    // MARK: What happened

    /// A claim returned `jobs`, after it was sent `asked` and took `latency`. Returns those that run here already and end as
    /// another attempt now than the one they were started as.
    package mutating func claimReturned(
        _ jobs: [ClaimedJob], asked: Int, latency: Duration, at now: Duration
    ) -> [Int64] {
        isClaiming = false
        lastClaimWasShort = jobs.count < asked
        pace.claimReturned(jobs: jobs.count, asked: asked, latency: latency)
        return jobs.filter { hold($0, at: now) }.map(\.id)
    }

    /// The claim failed; what it may have leased is given back when the connection is taken up again.
    package mutating func claimFailed() { isClaiming = false }

    /// A suspect was claimed, or none was left.
    package mutating func suspectClaimed(_ job: ClaimedJob?, at now: Duration) {
        isClaiming = false
        // Claimed into an empty worker: nothing of it is here.
        if let job { _ = hold(job, at: now) } else if phase == .alone { phase = .running }
    }

    /// Takes in a lease. Returns whether its job runs already and changes the number of its attempt.
    ///
    /// Leases do not wait for the disk, so a database that crashed may have forgotten one whose job is still here, and lease
    /// it to this worker again. That job is not started a second time. While it runs or waits it takes the new lease over:
    /// its one end is then the end of the lease there is. Given back instead, the new lease could be confused with the
    /// old one, which had the same number, and the work done so far would be for nothing. When it has ended already, that
    /// end is the new lease's, too, if it is the same attempt; which of the two the database saw, its answer tells.
    private mutating func hold(_ job: ClaimedJob, at now: Duration) -> Bool {
        let deadlineAt = job.deadlineMilliseconds.map { now + .milliseconds($0) }
        switch held[job.id] {
        case var entry? where !entry.isFinishing:
            let changes = entry.startedAt != nil && entry.job.attempt != job.attempt
            entry.job = job
            // What bounds the time of an attempt counts from when it was started.
            if entry.startedAt == nil { entry.deadlineAt = deadlineAt }
            held[job.id] = entry
            return changes
        case let entry? where entry.job.attempt == job.attempt:
            held[job.id]?.isLeasedAgain = true
        default:
            held[job.id] = Held(job: job, deadlineAt: deadlineAt)
            buffer.append(job.id)
        }
        return false
    }

    /// The backend ended a job. Returns why it had been told to stop, if it had; nil if the job is not this worker's any more.
    package mutating func ended(_ job: Int64, at now: Duration) -> (job: ClaimedJob, reason: StopReason?)? {
        guard var entry = held[job], entry.startedAt != nil, !entry.isFinishing else { return nil }
        running -= 1
        entry.isFinishing = true
        held[job] = entry
        // It stopped after all, before anybody was told that it would not.
        hung.removeAll { $0 == job }
        pace.jobEnded(at: now)
        return (entry.job, entry.reason)
    }

    /// The database took `ends`, or refused them: either way they are not held any more. Returns those to send once more,
    /// because the refusal may have been of a lease before the one there is now.
    package mutating func finished(_ ends: [AttemptResult], refused: [RefusedAttempt]) -> [AttemptResult] {
        let refused = Set(refused)
        var again: [AttemptResult] = []
        for end in ends {
            // One that was given back may have been claimed again already, and that attempt has not ended.
            guard let entry = held[end.job], entry.isFinishing, entry.job.attempt == end.attempt else { continue }
            if entry.isLeasedAgain && refused.contains(RefusedAttempt(job: end.job, attempt: end.attempt)) {
                held[end.job]?.isLeasedAgain = false
                again.append(end)
            } else {
                held[end.job] = nil
            }
        }
        if phase == .gathering && held.isEmpty { phase = .alone }
        return again
    }

    /// The database said what this worker should do. Returns the running jobs to stop, and buffered ones to give back.
    package mutating func heartbeatReplied(
        _ reply: HeartbeatReply, at now: Duration
    ) -> (stop: [Int64], giveBack: [(ClaimedJob, StopReason?)]) {
        var stop: [Int64] = []
        var giveBack: [(ClaimedJob, StopReason?)] = []
        for job in reply.cancelled {
            guard var entry = held[job], !entry.isFinishing, entry.reason == nil else { continue }
            entry.reason = reply.overtaken.contains(job) ? .overtaken : .cancelled
            if entry.startedAt == nil {
                entry.isFinishing = true
                giveBack.append((entry.job, entry.reason))
            } else {
                entry.stoppedAt = now
                stop.append(job)
            }
            held[job] = entry
        }
        if reply.wanted != .run {
            giveBack += drainRequested()
        } else if reply.suspects && phase == .running {
            phase = .gathering
            giveBack += releaseBuffer()
            if held.isEmpty { phase = .alone }
        }
        return (stop, giveBack)
    }

    /// The worker was told to end. Returns what had not started, to give back.
    package mutating func drainRequested() -> [(ClaimedJob, StopReason?)] {
        phase = .draining
        return releaseBuffer()
    }

    /// Something holds the worker back. Returns what had not started, to give back.
    package mutating func heldBack() -> [(ClaimedJob, StopReason?)] { releaseBuffer() }

    /// The grace of the drain is over. Returns the jobs to stop; they are given back unharmed.
    package mutating func drainGraceEnded(at now: Duration) -> [Int64] {
        stopRunning(at: now) { $0.reason == nil ? .drain : nil }
    }

    /// Time passed. Returns the jobs to stop because their time is over.
    package mutating func timePassed(_ now: Duration) -> [Int64] {
        for (id, entry) in held where entry.startedAt != nil && !entry.isFinishing {
            if let stopped = entry.stoppedAt, now - stopped >= limits.cancelGrace, !hung.contains(id) {
                hung.append(id)
            }
        }
        let timeout = limits.attemptTimeout
        return stopRunning(at: now) { entry in
            guard entry.reason == nil, let started = entry.startedAt else { return nil }
            if let deadline = entry.deadlineAt, now >= deadline { return .deadline }
            return now - started >= timeout ? .timeout : nil
        }
    }

    private mutating func stopRunning(at now: Duration, _ reason: (Held) -> StopReason?) -> [Int64] {
        var stop: [Int64] = []
        for (id, entry) in held where entry.startedAt != nil && !entry.isFinishing {
            guard let reason = reason(entry) else { continue }
            held[id]?.reason = reason
            held[id]?.stoppedAt = now
            stop.append(id)
        }
        return stop.sorted()
    }

    private mutating func releaseBuffer() -> [(ClaimedJob, StopReason?)] {
        var released: [(ClaimedJob, StopReason?)] = []
        for id in buffer[bufferHead...] {
            guard var entry = held[id], !entry.isFinishing else { continue }
            entry.isFinishing = true
            held[id] = entry
            released.append((entry.job, nil))
        }
        buffer.removeAll()
        bufferHead = 0
        return released
    }
}
