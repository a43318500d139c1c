public import Domain
/// Named values, one to a line: what there is to say about one thing.
public struct FactList: Sendable {
    /// A value and its names.
    public struct Fact: Sendable {
        /// What people read before it.
        public let title: String
        /// The member's name in JSON.
        public let key: String
        /// The value.
        public let value: Cell
    }

    /// The facts, from the top.
    public private(set) var facts: [Fact] = []

    /// No facts yet.
    public init() {}

    /// Adds a fact.
    public mutating func append(_ title: String, key: String, _ value: Cell) {
        facts.append(Fact(title: title, key: key, value: value))
    }

    /// The facts as one object.
    public var json: JSONOutput { .object(facts.map { JSONOutput.Member($0.key, $0.value.json) }) }

    /// The facts as lines, their values beneath each other.
    ///
    /// Long values are cut at `width` columns; nil is any width.
    public func lines(width: Int? = nil, palette: Palette = .plain) -> [String] {
        let titles = facts.map(\.title.columns).max() ?? 0
        return facts.map { fact in
            let text = width.map { fact.value.text.truncated(to: max(8, $0 - titles - 2)) } ?? fact.value.text
            return palette.paint(fact.title.padded(to: titles), .dim) + "  " + fact.value.painted(text, palette)
        }
    }
}
