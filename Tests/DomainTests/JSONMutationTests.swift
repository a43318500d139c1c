import Domain
import Foundation
import Testing

/// Random changes of valid texts, judged against Foundation's parser where it follows the RFC.
@Suite struct JSONMutationTests {
    private static let seeds = [
        #"{"custom_id":"r-1","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"Hé\n\u20ac"}],"n":-1.5e+3}}"#,
        #"[0,-0,1.25,1e5,true,false,null,"\ud83d\ude00",{"a":{}},[[],[]]," \\ \" \/ \b\f\r\t "]"#,
        #"{"a":[1,2,{"b":null}],"c":"zwölf 😀"}"#,
    ]
    private static let pool =
        Array(#"{}[]:,"\0123456789.eE+-truefalsn udc8"#.utf8) + [
            0x00, 0x0A, 0x1F, 0x7F, 0x80, 0xC3, 0xE2, 0xED, 0xF0, 0xFF,
        ]

    /// Foundation's verdict; nil where it is known to differ from the RFC on texts like these.
    private func foundation(_ text: [UInt8]) -> Bool? {
        // It guesses UTF-16 and UTF-32 from NUL bytes, skips a byte order mark, and reads numbers beyond a double's range
        // as errors; it is not consulted about them.
        if text.contains(0) || text.starts(with: [0xEF, 0xBB, 0xBF]) { return nil }
        do {
            _ = try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agreesWithFoundation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var counts = (valid: 0, invalid: 0)
        for _ in 0..<5_000 {
            var text = Array((Self.seeds.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) where !text.isEmpty {
                let place = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: text.remove(at: place)
                case 1: text.insert(Self.pool.randomElement(using: &random) ?? 0, at: place)
                case 2: text[place] = Self.pool.randomElement(using: &random) ?? 0
                case 3: text.swapAt(place, Int.random(in: 0..<text.count, using: &random))
                default: text.insert(contentsOf: text[place..<min(place + 6, text.count)], at: place)
                }
            }
            guard let expected = foundation(text) else { continue }
            // Foundation lets a comma stand before the end of an array.
            if String(decoding: text, as: UTF8.self).contains(#/,\s*\]/#) { continue }
            let error = JSONScannerTests.verdict(text)
            if expected { counts.valid += 1 } else { counts.invalid += 1 }
            // A number too large for a double is the RFC's business to allow, Foundation's to refuse.
            let readable = String(decoding: text, as: UTF8.self)
            if error == nil, !expected, readable.contains(#/[eE]\+?[0-9]{3}/#) { continue }
            #expect((error == nil) == expected, "\(readable) \(String(describing: error))")
        }
        #expect(counts.valid > 200 && counts.invalid > 1_000)
    }

    @Test func neverReadsOutsideTheText() {
        // Every prefix of a valid text, in a buffer of exactly its size: the address sanitizer watches.
        for seed in Self.seeds {
            let text = Array(seed.utf8)
            for length in 0..<text.count { #expect(JSONScannerTests.verdict(Array(text.prefix(length))) != nil) }
        }
    }
}
