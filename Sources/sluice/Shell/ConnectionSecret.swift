import Foundation

/// A connection string taken apart: what may be seen, and the password.
///
/// Only what a URL says before the host, and `password=` of a keyword string, count as passwords.
struct ConnectionSecret: Equatable {
    /// The connection string without its password.
    private(set) var withoutPassword: String
    /// The password as it is typed, if the string held one.
    private(set) var password: String?

    init(splitting conninfo: String) {
        withoutPassword = conninfo
        if let scheme = conninfo.range(of: "://") {
            splitURL(conninfo, from: scheme.upperBound)
        } else {
            splitKeywords(conninfo)
        }
    }

    private mutating func splitURL(_ url: String, from start: String.Index) {
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else { return }
        password = String(authority[authority.index(after: colon)..<at]).removingPercentEncoding
        withoutPassword = String(url[..<colon] + url[at...])
    }

    private mutating func splitKeywords(_ text: String) {
        guard let found = text.firstMatch(of: /(^|\s)password\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)+)/) else {
            return
        }
        var value = String(found.2)
        if value.hasPrefix("'") { value = String(value.dropFirst().dropLast()) }
        password = value.replacing(/\\(.)/) { String($0.1) }
        withoutPassword = text.replacingCharacters(in: found.range, with: " ")
    }
}
