/// The models that answer in place of one that cannot, in order: another of the same kind, then a lesser one.
///
/// Only the chain of the model that was asked for is followed, never that of a stand-in: so there are no circles.
package struct FallbackChain: Sendable, Hashable {
    /// The most stand-ins there can be.
    package static let maximumLength = 4

    /// The model that is asked for.
    package let model: String
    /// Its stand-ins, the first choice first; neither the model itself nor the same twice.
    package let standIns: [String]

    /// A chain; what is listed twice, the model itself, and what exceeds `maximumLength` is left out.
    package init(_ model: String, standIns: [String] = []) {
        self.model = model
        var known: Set = [model]
        self.standIns = Array(standIns.filter { known.insert($0).inserted }.prefix(Self.maximumLength))
    }

    /// Whom to ask after `current`, the model asked for or one of its stand-ins; nil when nobody is left.
    package func next(after current: String) -> Degradation? {
        let position = current == model ? 0 : (standIns.firstIndex(of: current) ?? standIns.count) + 1
        guard position < standIns.count else { return nil }
        return Degradation(requested: model, served: standIns[position], position: position + 1)
    }
}
