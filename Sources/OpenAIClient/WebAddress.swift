/// The parts of a URL without user, query and fragment: all that a configuration may hold.
struct WebAddress: Sendable, Hashable {
    /// In lower case.
    var scheme: String
    /// A name, or an address; that of IP version 6 without its brackets.
    var host: String
    var port: Int?
    /// Empty, or beginning with a slash; without one at its end.
    var path: String

    /// Reads a URL; nil when it is none, or has other parts.
    init?(_ text: String) {
        guard text.utf8.allSatisfy({ 0x21...0x7e ~= $0 }), let colon = text.firstIndex(of: ":"),
            text[colon...].hasPrefix("://"), !text.contains(where: { "@?#\\".contains($0) })
        else { return nil }
        scheme = text[..<colon].lowercased()
        let rest = text[colon...].dropFirst(3)
        let authority = rest.prefix { $0 != "/" }
        var path = String(rest.dropFirst(authority.count))
        while path.hasSuffix("/") { path.removeLast() }
        self.path = path
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            portText = after.isEmpty ? nil : after.dropFirst()
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let first = parts.first else { return nil }
            host = String(first)
            portText = parts.count == 2 ? parts[1] : nil
        }
        guard !host.isEmpty else { return nil }
        guard let portText else { return }
        guard let number = Int(portText), 1...65_535 ~= number else { return nil }
        port = number
    }
}
