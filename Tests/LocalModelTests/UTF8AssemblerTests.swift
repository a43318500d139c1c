import Testing

@testable import LocalModel

@Suite struct UTF8AssemblerTests {
    private func assembled(_ pieces: [[UInt8]]) -> (parts: [String], whole: String) {
        var assembler = UTF8Assembler()
        var text: [UInt8] = []
        var parts: [String] = []
        for piece in pieces {
            let before = text.count
            piece.withUnsafeBufferPointer { assembler.take($0, into: &text) }
            parts.append(String(decoding: text[before...], as: UTF8.self))
        }
        assembler.finish(into: &text)
        return (parts, String(decoding: text, as: UTF8.self))
    }

    @Test func aCharacterIsToldWhenItIsComplete() {
        let bytes = Array("a🙂b".utf8)
        let found = assembled(bytes.map { [$0] })
        #expect(found.parts == ["a", "", "", "", "🙂", "b"])
        #expect(found.whole == "a🙂b")
    }

    @Test(
        arguments: [
            ([0x61, 0xff, 0x62], "a\u{fffd}b"), ([0xc0, 0x80], "\u{fffd}\u{fffd}"), ([0xe3, 0x81], "\u{fffd}"),
            ([0xf0, 0x9f, 0x41], "\u{fffd}A"), ([0xed, 0xa0, 0x80], "\u{fffd}\u{fffd}\u{fffd}"), ([], ""),
            ([0xf4, 0x90, 0x80, 0x80], "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"), ([0x80], "\u{fffd}"),
        ] as [([UInt8], String)])
    func whatIsBrokenIsReplaced(_ bytes: [UInt8], _ text: String) {
        #expect(assembled([bytes]).whole == text)
        #expect(assembled(bytes.map { [$0] }).whole == text)
    }

    /// Any bytes in any pieces come out as Swift decodes them whole, and every part is complete in itself.
    @Test func randomPiecesMakeWhatTheWholeMakes() {
        var generator = SeededGenerator(seed: 7)
        let alphabet: [UInt8] = [
            0x41, 0x7f, 0x80, 0xbf, 0xc2, 0xc3, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f, 0xff,
        ]
        for _ in 0..<3_000 {
            let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...min(3, rest.count), using: &generator)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let found = assembled(pieces)
            #expect(found.whole == String(decoding: bytes, as: UTF8.self), "\(bytes)")
        }
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
