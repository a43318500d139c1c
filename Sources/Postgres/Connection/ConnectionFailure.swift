/// libpq's report of why it could not connect, made one sentence.
struct ConnectionFailure {
    /// The server's code, when it was the server that refused.
    ///
    /// With several hosts, the last one's.
    let sqlState: String?
    /// The report on one line, without the parts for developers of the server.
    let sentence: String

    /// Reads `report`, which is in libpq's verbose form: `…failed: FATAL:  28P01: password…`, `LOCATION:  …` lines, hints.
    init(_ report: String) {
        var sqlState: String?
        var lines: [String] = []
        for line in report.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let first = words.first else { continue }
            if first == "LOCATION:" || first == "DETAIL:" || first == "CONTEXT:" || first == "HINT:" { continue }
            var kept: [Substring] = []
            for word in words {
                // The severity before the code says nothing that "cannot connect" does not.
                if Self.isSQLState(word), let severity = kept.last, severity.hasSuffix(":") {
                    sqlState = String(word.dropLast())
                    kept.removeLast()
                } else {
                    kept.append(word)
                }
            }
            lines.append(kept.joined(separator: " ").trimming("\t"))
        }
        self.sqlState = sqlState
        sentence = lines.isEmpty ? "no reason was given" : lines.joined(separator: "; ")
    }

    private static func isSQLState(_ word: Substring) -> Bool {
        word.utf8.count == 6 && word.hasSuffix(":")
            && word.dropLast().utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
            }
            && word.utf8.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

extension String {
    fileprivate func trimming(_ character: Character) -> String { String(drop { $0 == character }) }
}
