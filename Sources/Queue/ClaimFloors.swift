internal import Domain

/// Where a worker's next claim starts looking, per priority.
///
/// Below its floor nothing of the worker's share is left, so a claim steps neither over what was already taken nor over
/// other deployments' jobs. Three things can hide a job below a floor: an enqueue that committed after the floor had passed
/// its key, a share that changed, and a claim that was rolled back. A look from the beginning, now and then, finds those; it
/// costs at most one part in `fullLookShare` of the time.
package struct ClaimFloors: Sendable {
    /// A look from the beginning waits until this many times its own duration have passed.
    package static let fullLookShare = 49

    private var floors = [Int64](repeating: 0, count: Priority.levels)
    private var nextFullLook = Duration.zero

    /// No floors yet: the first claim looks from the beginning.
    package init() {}

    /// The floors to claim from at `now`; nil: look from the beginning.
    package func forClaim(at now: Duration) -> [Int64]? { now >= nextFullLook ? nil : floors }

    /// A claim that began at `began` with `claimedFloors` has returned at `now`.
    ///
    /// - Parameters:
    ///   - keys: per priority, the largest key it took, if it took any.
    ///   - reachedEnd: whether it returned fewer jobs than it asked for, so that every level was looked through.
    ///   - emptyFloors: per priority, where a level in which nothing was found may start next time.
    package mutating func claimReturned(
        keys: [Int64?], reachedEnd: Bool, emptyFloors: [Int64], wasFullLook: Bool, began: Duration, now: Duration
    ) {
        // Levels above the last one that gave something were looked through to their end.
        let lastTaken = reachedEnd ? Priority.levels : (keys.lastIndex { $0 != nil } ?? 0)
        for level in 0..<Priority.levels {
            let bound = wasFullLook ? 0 : floors[level]
            if level < lastTaken {
                floors[level] = max(bound, keys[level] ?? 0, emptyFloors[level])
            } else if let key = keys[level] {
                floors[level] = max(bound, key)
            } else if wasFullLook {
                // Not looked at: what the last look found still stands.
                continue
            }
        }
        if wasFullLook { nextFullLook = now + (now - began) * Self.fullLookShare }
    }

    /// The worker's share changed, or its connection was new: nothing is known any more.
    package mutating func forgotten() { self = ClaimFloors() }
}
