/// How much less to ask of an upstream that refuses for want of room, decided by the one who asks: the adaptive
/// throttling of "Site Reliability Engineering" (Beyer et al., 2016, "Handling Overload").
///
/// Of the requests of the window, those beyond `headroom` times the accepted ones are held back, so that an upstream
/// which refuses is not kept busy refusing, and one that recovers is noticed at once.
package struct ClientThrottle: Sendable, Hashable {
    /// How many times what is accepted may be asked for: 1.1 lets one refusal follow ten acceptances.
    package let headroom: Double
    private var window: OutcomeWindow

    /// A throttle that holds nothing back yet.
    package init(headroom: Double = 1.1, window: Duration = .seconds(60)) {
        self.headroom = max(1, headroom)
        self.window = OutcomeWindow(length: window)
    }

    /// Requests were answered or refused.
    package mutating func record(_ outcomes: OutcomeSummary, at now: Duration) { window.record(outcomes, at: now) }

    /// The part of the requests to make, more than 0 up to 1.
    package func admitted(at now: Duration) -> Double {
        let total = window.total(at: now)
        let requests = Double(total.judged + total.overloads)
        return 1 - max(0, (requests - headroom * Double(total.judged)) / (requests + 1))
    }
}
