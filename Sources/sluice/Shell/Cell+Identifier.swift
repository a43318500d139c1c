import Terminal

extension Cell {
    /// A number that is a name: shown without separators.
    static func identifier(_ value: Int64) -> Cell { .number(Double(value), decimals: 0) }
}
