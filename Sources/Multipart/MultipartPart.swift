/// What the head of a part says.
package struct MultipartPart: Sendable, Equatable {
    /// The field's name.
    package let name: String
    /// The file's name, as the client gave it; nil: it is no file.
    package let filename: String?

    package init(name: String, filename: String? = nil) {
        self.name = name
        self.filename = filename
    }

    /// Reads the fields of a head, of which only Content-Disposition means anything to a server (RFC 7578, 4.8).
    init(head: ArraySlice<UInt8>) throws(MultipartError) {
        guard let text = String(validating: head, as: UTF8.self) else { throw MultipartError(.invalidHead) }
        var disposition: HeaderValue?
        // Swift takes CR LF for one character.
        for line in text.split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex,
                line[..<colon].allSatisfy({ $0.isASCII && !$0.isWhitespace })
            else { throw MultipartError(.invalidHead) }
            guard line[..<colon].lowercased() == "content-disposition" else { continue }
            guard disposition == nil else { throw MultipartError(.invalidHead) }
            disposition = HeaderValue(String(line[line.index(after: colon)...]))
        }
        guard let disposition, disposition.word.lowercased() == "form-data",
            let name = disposition.parameters["name"], !name.isEmpty
        else { throw MultipartError(.unnamedPart) }
        self.init(name: name, filename: disposition.parameters["filename"])
    }

    /// A word and its parameters: `form-data; name="file"; filename="a.jsonl"`.
    struct HeaderValue {
        let word: String
        /// By lower-case name; of two with one name the first.
        private(set) var parameters: [String: String] = [:]

        init(_ text: String) {
            var rest = Substring(text)
            func trimmed(_ text: Substring) -> String {
                let kept = text.drop { $0 == " " || $0 == "\t" }
                return String(kept.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
            }
            word = trimmed(rest.prefix { $0 != ";" })
            rest = rest.drop { $0 != ";" }
            while rest.first == ";" {
                rest = rest.dropFirst()
                let name = trimmed(rest.prefix { $0 != "=" && $0 != ";" }).lowercased()
                rest = rest.drop { $0 != "=" && $0 != ";" }
                guard rest.first == "=" else { continue }
                rest = rest.dropFirst().drop { $0 == " " || $0 == "\t" }
                var value = ""
                if rest.first == "\"" {
                    rest = rest.dropFirst()
                    while let letter = rest.popFirst(), letter != "\"" {
                        // Of what could be escaped clients escape these two; a backslash before anything else is itself.
                        if letter == "\\", let next = rest.first, next == "\"" || next == "\\" {
                            value.append(rest.removeFirst())
                        } else {
                            value.append(letter)
                        }
                    }
                    rest = rest.drop { $0 != ";" }
                } else {
                    value = trimmed(rest.prefix { $0 != ";" })
                    rest = rest.drop { $0 != ";" }
                }
                if parameters[name] == nil { parameters[name] = value }
            }
        }
    }
}
