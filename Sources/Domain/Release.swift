/// A release of Sluice, by which a database knows whether a program is older than what it holds.
package struct Release: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// What this program is.
    package static let current = Release(0, 1, 0)

    private let numbers: [Int]

    private init(_ numbers: Int...) { self.numbers = numbers }

    /// Reads numbers with points between them, such as `1.20.3`; nil for anything else.
    package init?(_ text: String) {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.allSatisfy({ ($0 ?? -1) >= 0 }) else { return nil }
        self.numbers = numbers.compactMap(\.self)
    }

    package static func < (left: Self, right: Self) -> Bool { left.numbers.lexicographicallyPrecedes(right.numbers) }

    package var description: String { numbers.map(String.init).joined(separator: ".") }
}
