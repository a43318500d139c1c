/// What is wrong with settings that could be read: everything, not the first thing.
package struct Problems: Sendable, Hashable {
    /// One sentence each, beginning with the key.
    package private(set) var sentences: [String] = []

    /// Whether there are none.
    package var isEmpty: Bool { sentences.isEmpty }

    mutating func require(_ holds: Bool, _ key: String, _ demand: String) {
        if !holds { sentences.append("\(key) \(demand)") }
    }
}
