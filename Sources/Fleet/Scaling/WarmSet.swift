/// Which deployments keep a worker although there is nothing to do, in memory of hosts that nobody else asks for.
///
/// To keep a worker warm means here: it stays, with its model loaded, when the autoscaler would go to zero. What that saves
/// is the wait of whoever comes next. Expected waiting saved per second is arrivals per second times the time a start takes;
/// per byte held, that is what a worker is worth. Choosing the most worth in a given memory is the knapsack problem; taken
/// here in the order of worth per byte, where each host is a knapsack of its own. On one host the result is at least
/// half of the best when no worker takes more than half of the host (Dantzig's bound), and it does not jump about as the
/// best one may.
package enum WarmSet {
    /// A deployment that may keep a worker.
    package struct Candidate: Sendable, Hashable {
        package var deployment: String
        /// Arrivals per second, as far as they are known.
        package var rate: Double
        /// Seconds a start takes.
        package var loadTime: Double
        /// Bytes a worker takes.
        package var memory: Int
        /// Whether it keeps one now: then it is worth a quarter more, so that two of the same worth do not take turns.
        package var isWarm: Bool

        package init(deployment: String, rate: Double, loadTime: Double, memory: Int, isWarm: Bool = false) {
            self.deployment = deployment
            self.rate = rate
            self.loadTime = loadTime
            self.memory = memory
            self.isWarm = isWarm
        }

        /// Seconds of waiting saved per second, per byte.
        package var worth: Double { rate * loadTime / Double(max(1, memory)) * (isWarm ? 1.25 : 1) }
    }

    /// Those of `candidates` that keep a worker.
    ///
    /// - Parameter free: bytes of each host that nobody else asks for; what warm workers take now is among them.
    package static func choose(_ candidates: [Candidate], free: [Int]) -> Set<String> {
        var free = free
        var chosen: Set<String> = []
        // What never comes is worth nothing.
        for candidate in candidates.filter({ $0.worth > 0 }).sorted(by: {
            ($1.worth, $0.deployment) < ($0.worth, $1.deployment)
        }) {
            // The host it fills most, so that large ones stay free for large ones.
            guard let host = free.indices.filter({ free[$0] >= candidate.memory }).min(by: { free[$0] < free[$1] })
            else {
                continue
            }
            free[host] -= candidate.memory
            chosen.insert(candidate.deployment)
        }
        return chosen
    }
}
