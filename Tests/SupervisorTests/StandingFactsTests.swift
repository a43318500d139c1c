import Testing

@testable import Supervisor

struct StandingFactsTests {
    @Test func `a fact is said when it begins and when it changes, not as long as it lasts`() {
        var facts = StandingFacts()
        func news(_ now: [String: String]) -> [String] { facts.news(now).map { "\($0.subject): \($0.fact)" } }
        #expect(news(["b": "full", "a": "full"]) == ["a: full", "b: full"])
        #expect(news(["b": "full", "a": "full"]) == [])
        #expect(news(["b": "full", "a": "no labels"]) == ["a: no labels"])
        #expect(news(["b": "full"]) == [])
        #expect(news(["b": "full", "a": "no labels"]) == ["a: no labels"], "it is so again")
    }
}
