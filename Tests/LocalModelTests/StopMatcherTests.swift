import Testing

@testable import LocalModel

@Suite struct StopMatcherTests {
    private func run(_ stops: [String], _ pieces: [String]) -> (text: String, isStopped: Bool, parts: [String]) {
        var matcher = StopMatcher(stops)
        var text: [UInt8] = []
        var parts: [String] = []
        for piece in pieces {
            let before = text.count
            let isStopped = matcher.take(piece.utf8, into: &text)
            parts.append(String(decoding: text[before...], as: UTF8.self))
            if isStopped { return (String(decoding: text, as: UTF8.self), true, parts) }
        }
        matcher.finish(into: &text)
        return (String(decoding: text, as: UTF8.self), false, parts)
    }

    @Test func aStopAcrossPiecesIsFound() {
        let found = run(["END"], ["one E", "N", "D two"])
        #expect(found.text == "one " && found.isStopped)
        #expect(found.parts == ["one ", "", ""])
    }

    @Test func whatOnlyLookedLikeAStopIsTold() {
        let found = run(["\n\n"], ["a\n", "b", "\n"])
        #expect(found.text == "a\nb\n" && !found.isStopped)
        #expect(found.parts == ["a", "\nb", ""])
    }

    @Test func theFirstStopCounts() {
        #expect(run(["lo w", "o"], ["hello world"]).text == "hell")
        #expect(run(["lo", "o"], ["hello world"]).text == "hel")
        #expect(run(["aab"], ["aaab"]).text == "a")
        #expect(run([""], ["x"]).text == "x")
    }

    /// The text before the first stop string, however it is cut.
    @Test func randomTextsAreCutWhereASearchCutsThem() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<3_000 {
            func word(_ length: ClosedRange<Int>) -> String {
                String(
                    (0..<Int.random(in: length, using: &generator)).map { _ in
                        Bool.random(using: &generator) ? "a" : "b"
                    })
            }
            let stops = (0..<Int.random(in: 1...3, using: &generator)).map { _ in word(2...4) }
            let pieces = (0..<Int.random(in: 0...6, using: &generator)).map { _ in word(0...4) }
            let whole = Array(pieces.joined().utf8)
            // Where the stop string begins that ends first.
            let place = (0...whole.count).compactMap { end in
                stops.filter { String(decoding: whole[..<end], as: UTF8.self).hasSuffix($0) }.map {
                    end - $0.utf8.count
                }.min()
            }.first
            let found = run(stops, pieces)
            #expect(found.isStopped == (place != nil))
            #expect(Array(found.text.utf8) == Array(whole[..<(place ?? whole.count)]), "\(stops) \(pieces)")
        }
    }
}
