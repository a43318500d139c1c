/// Something that was decided, as a row of `sluice.decisions` tells it.
package struct Decision: Sendable, Hashable {
    /// What was decided. The raw value is the word used in SQL and metrics.
    package enum Kind: String, Sendable, CaseIterable {
        /// A breaker opened.
        case opened
        /// A breaker lets one job through.
        case probing
        /// A ramp began or took a step.
        case ramped
        /// A breaker closed.
        case closed
        /// An operator took a deployment out.
        case isolated
        /// A rollout took a step, was paused or resumed.
        case rollout
        /// A rollout ended with the new version.
        case promoted
        /// A rollout ended with the old version.
        case rolledBack = "rolled_back"
        /// Shares moved.
        case shares
        /// Too much is sick: deployments are kept in service against their breakers.
        case panic
        /// That is over.
        case calm
        /// Trouble is coming.
        case warning
    }

    /// What was decided.
    package let kind: Kind
    /// The deployment it is about; nil when it is about the model.
    package let deployment: String?
    /// One line for people: "local-v2: 25% → 50%, 212 ok of 212, p95 1.8 s under 3 s".
    package let reason: String

    /// Whether somebody should be told at once.
    package var isAlert: Bool { kind == .panic || kind == .rolledBack }
}

extension Decision {
    /// A breaker's transition.
    init(_ transition: Breaker.Transition, of deployment: String, at now: Duration) {
        let kind: Kind =
            switch transition.to {
            case .closed: .closed
            case .open: .opened
            case .probing: .probing
            case .ramping: .ramped
            case .isolated: .isolated
            }
        let states = [transition.from, transition.to].map { Self.word(for: $0, at: now) }
        self.init(
            kind: kind, deployment: deployment,
            reason: "\(deployment): \(states[0]) → \(states[1]), \(transition.reason)")
    }

    /// A rollout's transition.
    init(_ transition: Rollout.Transition, of deployment: String) {
        let kind: Kind =
            switch transition.to {
            case .promoted: .promoted
            case .rolledBack: .rolledBack
            case .running, .paused: .rollout
            }
        let states = [transition.from, transition.to].map(Self.word)
        self.init(
            kind: kind, deployment: deployment,
            reason: "\(deployment): \(states[0]) → \(states[1]), \(transition.reason)")
    }

    private static func word(for state: Breaker.State, at now: Duration) -> String {
        switch state {
        case .closed: "closed"
        case .open(let end): end > now ? "open for \(Prose.time(end - now))" : "open"
        case .probing: "probing"
        case .ramping(let percent): "\(percent)%"
        case .isolated: "isolated"
        }
    }

    private static func word(for state: Rollout.State) -> String {
        switch state {
        case .running(let percent): "\(percent)%"
        case .paused(let percent): "paused at \(percent)%"
        case .promoted: "promoted"
        case .rolledBack: "rolled back"
        }
    }
}
