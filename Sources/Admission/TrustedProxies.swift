/// Whom to believe about where a request came from. Pure.
package struct TrustedProxies: Sendable, Hashable {
    private let ranges: [AddressRange]

    /// The proxies at `ranges`; none without.
    package init(_ ranges: [AddressRange] = []) { self.ranges = ranges }

    /// Where a request came from: the peer itself, unless that is a trusted proxy; then the last address of
    /// X-Forwarded-For that is none. What stands before that, the client may have written itself.
    package func client(peer: String, forwardedFor header: String?) -> String {
        guard isTrusted(peer), let header, header.utf8.count <= 4_096 else { return peer }
        var found = peer
        for word in header.split(separator: ",").reversed() {
            let text = Self.address(String(word.filter { $0 != " " && $0 != "\t" }))
            // Whatever stands before something unreadable means nothing.
            guard NetworkAddress(text) != nil else { return found }
            found = text
            guard isTrusted(text) else { return found }
        }
        return found
    }

    private func isTrusted(_ text: String) -> Bool {
        guard let address = NetworkAddress(text) else { return false }
        return ranges.contains { $0.contains(address) }
    }

    /// Without port and brackets.
    private static func address(_ text: String) -> String {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            return String(text[text.index(after: text.startIndex)..<end])
        }
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        return words.count == 2 ? String(words[0]) : text
    }
}
