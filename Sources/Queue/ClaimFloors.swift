internal import Domain

/// The part of the queue a claim looks through: per priority, the keys from a floor up to, but not with, a ceiling.
package struct ClaimRange: Sendable, Equatable {
    package var floors: [Int64]
    /// Nil: no end.
    package var ceilings: [Int64]?

    /// A range of those bounds.
    package init(floors: [Int64], ceilings: [Int64]? = nil) {
        self.floors = floors
        self.ceilings = ceilings
    }

    /// The whole queue.
    package static let everything = ClaimRange(floors: [Int64](repeating: 0, count: Priority.levels))
}

/// Where a worker's next claim looks, per priority.
///
/// Below its floor nothing of the worker's share is left, so a claim steps neither over what was already taken nor over
/// other deployments' jobs. Two things can hide a job below a floor: an enqueue that committed after the floor had passed
/// its key, and a claim that was rolled back.
///
/// An enqueue draws its key above the model's virtual time and then waits for the disk, so most that commit late are late by
/// milliseconds. A level that was looked through to its end, where a job that comes would run at once, is therefore looked
/// through from the virtual time of at least `settlingTime` ago. A level with a backlog begins at its floor: there the wait
/// is longer than that, and what lies between is the most.
///
/// Looks back below the floors, now and then, find the rest. Where nothing may be rotated away they cross millions of dead
/// index entries, so one look back covers as much as it can in `lookBackTime` and the next goes on where it ended; together
/// they take at most one part in `lookBackShare` of the time. One that reaches the floors goes on above them, as any claim
/// does.
package struct ClaimFloors: Sendable {
    /// A look back waits until this many times the duration of the last one have passed.
    package static let lookBackShare = 49
    /// About how long a look back may take.
    package static let lookBackTime = Duration.milliseconds(5)
    /// How long an enqueue may take to commit without its job being hidden where none waits.
    package static let settlingTime = Duration.milliseconds(50)
    /// The least of the keys a look back covers.
    private let leastWidth: Int64
    private var floors = ClaimRange.everything.floors
    /// The virtual time of at least `settlingTime` ago.
    private var settled = ClaimRange.everything.floors
    /// One that is to be settled, and when it was.
    private var settling: (since: Duration, virtualTime: [Int64])?
    /// Which levels the last claim looked through to their end.
    private var wasEmptied = [Bool](repeating: false, count: Priority.levels)
    /// The pass under way has looked below these.
    private var lookedBackTo = ClaimRange.everything.floors
    /// How much of the keys a look back covers.
    private var width = Int64.max
    private var nextLookBack = Duration.zero
    /// The share the floors are about; nil before the first claim.
    private var share: Int64?

    /// No floors yet: the first claim looks through everything.
    ///
    /// - Parameter leastWidth: how much of the keys a look back covers however long it takes; otherwise about a thousand jobs
    ///   of a tenant of the usual weight.
    package init(leastWidth: Int64 = 1 << 30) { self.leastWidth = leastWidth }

    /// Where to claim at `now`.
    ///
    /// Whatever has ceilings is only part of the queue: that nothing was found there says nothing of the rest.
    package func forClaim(at now: Duration) -> ClaimRange {
        guard now >= nextLookBack, floors != ClaimRange.everything.floors else { return ClaimRange(floors: start) }
        let rest = zip(lookedBackTo, floors).map { $1 - $0 }
        guard rest.contains(where: { $0 > width }) else { return ClaimRange(floors: lookedBackTo) }
        return ClaimRange(floors: lookedBackTo, ceilings: zip(lookedBackTo, rest).map { $0 + min($1, width) })
    }

    /// Where a claim starts that is no look back.
    private var start: [Int64] {
        floors.indices.map { wasEmptied[$0] ? min(floors[$0], settled[$0]) : floors[$0] }
    }

    /// A claim of `range` that began at `began` has returned at `now`.
    ///
    /// - Parameters:
    ///   - keys: per priority, the largest key it took, if it took any.
    ///   - reachedEnd: whether it returned fewer jobs than it asked for, so that every level was looked through.
    ///   - emptyFloors: per priority, where a level in which nothing was found may start next time: the virtual time from
    ///     before it looked.
    ///   - share: changes when the worker's share may have changed; then nothing is known any more.
    package mutating func claimReturned(
        _ range: ClaimRange, keys: [Int64?], reachedEnd: Bool, emptyFloors: [Int64], share: Int64, began: Duration,
        now: Duration
    ) {
        if let known = self.share, known != share {
            forgotten()
            self.share = share
            return
        }
        self.share = share
        let isLookBack = range.ceilings != nil || range.floors != start
        settle(emptyFloors, since: began, now)
        if isLookBack {
            let passed = levelsLookedBack(range, keys, reachedEnd: reachedEnd)
            lookedBack(range, levels: passed, took: now - began, now)
            // Of what it did not look through nothing is known.
            if range.ceilings != nil || passed == 0 { return }
        }
        // Levels above the last one that gave something were looked through to their end.
        let lastTaken = reachedEnd ? Priority.levels : (keys.lastIndex { $0 != nil } ?? 0)
        for level in 0..<Priority.levels {
            wasEmptied[level] = level < lastTaken
            if level < lastTaken {
                floors[level] = max(floors[level], keys[level] ?? 0, emptyFloors[level])
            } else if let key = keys[level] {
                floors[level] = max(floors[level], key)
            }
        }
        if range == .everything { nextLookBack = now + (now - began) * Self.lookBackShare }
    }

    private mutating func settle(_ virtualTime: [Int64], since: Duration, _ now: Duration) {
        let oldest = settling ?? (since, virtualTime)
        if now - oldest.since >= Self.settlingTime {
            (settled, settling) = (oldest.virtualTime, nil)
        } else {
            settling = oldest
        }
    }

    /// How many levels, from the first on, a look back has looked through up to their floor, or to its ceiling.
    private func levelsLookedBack(_ range: ClaimRange, _ keys: [Int64?], reachedEnd: Bool) -> Int {
        if reachedEnd { return Priority.levels }
        guard range.ceilings == nil, let last = keys.lastIndex(where: { $0 != nil }), let key = keys[last] else {
            return 0
        }
        // One that got all it asked for went on above the floor of the last level it took from, or ended below it.
        return key >= floors[last] ? last + 1 : 0
    }

    private mutating func lookedBack(_ range: ClaimRange, levels: Int, took: Duration, _ now: Duration) {
        guard levels > 0 else {
            // Where one job was hidden there may be more: they are the oldest of all, so they come first.
            nextLookBack = now
            return
        }
        let covered = zip(range.floors, range.ceilings ?? floors).reduce(Int64(1)) { max($0, $1.1 - $1.0) }
        if took > Self.lookBackTime {
            width = max(leastWidth, Int64(Double(covered) * (Self.lookBackTime / took)))
        } else if took < Self.lookBackTime / 2 {
            width = width > .max / 2 ? .max : width * 2
        }
        for level in 0..<levels { lookedBackTo[level] = range.ceilings?[level] ?? 0 }
        nextLookBack = now + took * Self.lookBackShare
    }

    /// The worker's connection is new: nothing is known any more.
    package mutating func forgotten() { self = ClaimFloors(leastWidth: leastWidth) }
}
