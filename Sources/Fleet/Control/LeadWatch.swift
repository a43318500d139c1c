/// Tells a supervisor that leads from one that has stalled: stopped, swapped out, or cut off in a way its session survives.
///
/// Kept by each supervisor that stands by. The leader gives a sign of life several times a second; who looks sees the last
/// one and how old that is. Its age alone proves nothing: who has just taken the lead has given none yet, and after a time in
/// which the whole database stood still everything is old. So the same sign of the same session has to have been seen for a
/// while, too, and more than twice.
package struct LeadWatch: Sendable {
    /// What is seen of the leader.
    package struct Sight: Sendable, Hashable {
        /// Its session: a server process.
        package var session: Int32
        /// Changes as long as it lives.
        package var sign: String
        /// How old the sign is, by the database's clock.
        package var silence: Duration
        /// Whether the server is doing something for it. A database that is slow is no fault of the leader's.
        package var isWorking: Bool

        /// What was seen.
        package init(session: Int32, sign: String, silence: Duration, isWorking: Bool) {
            self.session = session
            self.sign = sign
            self.silence = silence
            self.isWorking = isWorking
        }
    }

    /// How old the sign of a leader that does nothing has to be.
    static let patience = Duration.seconds(3)
    /// The same for one the server is busy with.
    static let workingPatience = Duration.seconds(20)
    /// How long one sign has to have been seen, and how often.
    static let proof = (time: Duration.seconds(2), looks: 3)

    private var last: Sight?
    private var since = Duration.zero
    private var looks = 0

    /// A watch that has seen nothing.
    package init() {}

    /// The leader was looked at, at `now` by the clock of who looks; nil: nobody leads.
    ///
    /// - Returns: whether it has stalled, and its session is to be ended.
    package mutating func saw(_ sight: Sight?, at now: Duration) -> Bool {
        if sight?.session != last?.session || sight?.sign != last?.sign { (since, looks) = (now, 0) }
        last = sight
        looks += 1
        guard let sight, looks >= Self.proof.looks, now - since >= Self.proof.time else { return false }
        return sight.silence >= (sight.isWorking ? Self.workingPatience : Self.patience)
    }
}
