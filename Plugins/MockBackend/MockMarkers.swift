import BackendKit
import Glibc

/// What a prompt orders with `[[mock:…]]`.
///
/// Orders the mock does not know are ignored: they are somebody's text.
struct MockMarkers {
    var fault: MockFault?
    var failure: BackendFailure.Class?
    var latency: Duration?

    private static let opening: StaticString = "[[mock:"

    init() {}

    /// Reads the markers in a prompt, at most 16 of them.
    init(in prompt: Slice<UnsafeBufferPointer<UInt8>>) {
        var rest = UnsafeBufferPointer(rebasing: prompt)
        for _ in 0..<16 {
            guard let start = Self.find(in: rest) else { return }
            let text = rest[start...].prefix(80)
            let words = String(decoding: text.prefix { $0 != UInt8(ascii: "]") }, as: UTF8.self).split(separator: " ")
            if words.count == 1 { fault = MockFault(rawValue: String(words[0])) ?? fault }
            if words.count == 2, words[0] == "error" { failure = BackendFailure.Class(word: words[1]) ?? failure }
            if words.count == 2, words[0] == "latency", let number = Int(words[1]), 0...3_600_000 ~= number {
                latency = .milliseconds(number)
            }
            rest = UnsafeBufferPointer(rebasing: rest[start...])
        }
    }

    /// Whether there is a marker at all.
    static func areIn(_ prompt: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        find(in: UnsafeBufferPointer(rebasing: prompt)) != nil
    }

    /// Where the order of the first marker begins.
    private static func find(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let length = opening.utf8CodeUnitCount
        var start = 0
        while start + length <= bytes.count,
            let bracket = memchr(base + start, Int32(opening.utf8Start[0]), bytes.count - start)
        {
            let place = UnsafeRawPointer(bracket) - UnsafeRawPointer(base)
            guard place + length <= bytes.count else { return nil }
            if memcmp(bracket, opening.utf8Start, length) == 0 { return place + length }
            start = place + 1
        }
        return nil
    }
}
