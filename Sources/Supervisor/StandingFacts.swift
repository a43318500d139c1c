/// Facts that last: each is said when it begins and when it changes, not as long as it stays so.
struct StandingFacts {
    private var said: [String: String] = [:]

    /// Takes in all there are now, by what they are about. Returns those to be said, in the order of their subjects.
    mutating func news(_ facts: [String: String]) -> [(subject: String, fact: String)] {
        let news = facts.filter { said[$0.key] != $0.value }.sorted { $0.key < $1.key }
        said = facts
        return news.map { ($0.key, $0.value) }
    }
}
