/// What somebody who knows the future would pay.
package struct ClairvoyantBound: Sendable, Hashable {
    /// Worker-seconds of the cheapest fleet in which no job waits.
    ///
    /// Exact with one slot a worker: the occupancy falls apart into levels, and each gap of a level costs the lesser of
    /// keeping a worker and starting another (Lu and Chen; the most recently busy worker is used again). With more slots it
    /// is a lower bound, because jobs are taken to move between workers at no cost.
    package let zeroWait: Double
    /// Worker-seconds below which nobody starts every job within the objective (`SlackBound`), nor does the work with one
    /// start. Without an objective that is `zeroWait`.
    package let inTime: Double

    /// The bounds of a trace when each start takes `start` seconds and jobs may wait `objective` seconds.
    package init(_ trace: Trace, start: Double, objective: Double, slots: Int = 1) {
        var changes: [(time: Double, isArrival: Bool)] = []
        changes.reserveCapacity(2 * trace.arrivals.count)
        for (arrival, service) in zip(trace.arrivals, trace.services) {
            changes.append((arrival, true))
            changes.append((arrival + service, false))
        }
        // An end comes before an arrival at the same time: the worker is free for it.
        changes.sort { ($0.time, $0.isArrival ? 1 : 0) < ($1.time, $1.isArrival ? 1 : 0) }
        var jobs = 0
        var needed: [Double] = []
        var freeSince: [Double?] = []
        var cost = 0.0
        for change in changes {
            let before = (jobs + slots - 1) / slots
            jobs += change.isArrival ? 1 : -1
            let after = (jobs + slots - 1) / slots
            if after > before {
                if freeSince.count < after {
                    freeSince.append(nil)
                    needed.append(0)
                    cost += start
                } else if let since = freeSince[before] {
                    cost += min(change.time - since, start)
                }
                needed[before] = change.time
            } else if after < before {
                cost += change.time - needed[after]
                freeSince[after] = change.time
            }
        }
        zeroWait = cost
        if trace.arrivals.isEmpty || objective <= 0 {
            inTime = cost
        } else {
            let slack = start > 0 ? SlackBound(trace, start: start, objective: objective, slots: slots).value() : 0
            inTime = max(trace.work / Double(slots) + start, slack)
        }
    }
}
