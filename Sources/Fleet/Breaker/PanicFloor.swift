/// Keeps the greater part of a model in service whatever the breakers say: when most of it looks sick, the judge is
/// more likely to be wrong, or the rest too small for the load (the panic threshold of Envoy).
///
/// The sickest are isolated first, and only as long as what stays in service is at least the floor. When not all that
/// should be isolated can be, the health of those kept is ignored and somebody is to be told.
package struct PanicFloor: Sendable, Hashable {
    /// What is known of a deployment.
    package struct Candidate: Sendable, Hashable {
        /// Its name.
        package var deployment: String
        /// What it can do compared with the others: more than 0.
        package var capacity: Double
        /// The part of its share its breaker allows, 0 to 1. 0 asks for isolation.
        package var fraction: Double
        /// Its health, 0 to 1.
        package var score: Double
        /// Whether an operator isolated it: obeyed, and no part of what could serve.
        package var isExcluded: Bool

        /// A candidate.
        package init(
            deployment: String, capacity: Double, fraction: Double, score: Double, isExcluded: Bool = false
        ) {
            self.deployment = deployment
            self.capacity = max(0, capacity)
            self.fraction = min(max(0, fraction), 1)
            self.score = score
            self.isExcluded = isExcluded
        }
    }

    /// The part of a model's capacity that is never isolated, 0 to 1.
    package let floor: Double

    /// A floor; 0 isolates whoever asks for it.
    package init(floor: Double = 0.5) { self.floor = min(max(0, floor), 1) }

    /// Which deployments are kept in service against their breaker; empty when there is no panic.
    ///
    /// - Parameter kept: the ones kept so far: they stay rather than change places with others as sick.
    package func kept(_ candidates: [Candidate], previously kept: Set<String> = []) -> Set<String> {
        let candidates = candidates.filter { !$0.isExcluded && $0.capacity > 0 }
        let needed = floor * candidates.reduce(0) { $0 + $1.capacity }
        // What ramps serves with what it has been given so far.
        var serving = candidates.reduce(0) { $0 + $1.capacity * $1.fraction }
        var result: Set<String> = []
        let sick = candidates.filter { $0.fraction == 0 }.sorted {
            (kept.contains($0.deployment) ? 0 : 1, -$0.score, $0.deployment)
                < (kept.contains($1.deployment) ? 0 : 1, -$1.score, $1.deployment)
        }
        for candidate in sick where serving < needed - 1e-9 {
            serving += candidate.capacity
            result.insert(candidate.deployment)
        }
        return result
    }
}
