/// The mark of a result that does not come from the model that was asked for. Part of the result: who asked is told.
package struct Degradation: Sendable, Hashable {
    /// The model that was asked for.
    package let requested: String
    /// The model that answered.
    package let served: String
    /// Its place in the chain, from 1.
    package let position: Int

    /// A mark.
    package init(requested: String, served: String, position: Int) {
        self.requested = requested
        self.served = served
        self.position = position
    }

    /// One sentence for people.
    package var sentence: String { "\(served) answers in place of \(requested) (stand-in \(position))" }
}
