/// Operators read the schema in psql: every table, view and function says there what it is.
enum SQLComments {
    /// Kind and bare name of what `sql` creates, with the line. Partitions are described by their parent.
    static func created(in file: SourceFile) -> [(line: Int, kind: String, name: String)] {
        statements(in: file).compactMap { line, words in
            var words = words[...]
            guard words.popFirst() == "create" else { return nil }
            if words.starts(with: ["or", "replace"]) { words = words.dropFirst(2) }
            // Temporary tables live for one call.
            if words.first == "temp" || words.first == "temporary" { return nil }
            while let first = words.first, ["unlogged", "materialized", "recursive"].contains(first) {
                words = words.dropFirst()
            }
            guard let kind = words.popFirst(), ["table", "function", "procedure", "view", "type"].contains(kind) else {
                return nil
            }
            if words.starts(with: ["if", "not", "exists"]) { words = words.dropFirst(3) }
            guard let name = words.popFirst() else { return nil }
            if words.starts(with: ["partition", "of"]) { return nil }
            return (line, kind, bare(name))
        }
    }

    /// Kind and bare name of what `sql` comments on.
    static func commented(in file: SourceFile) -> Set<String> {
        Set(
            statements(in: file).compactMap { _, words in
                guard words.count > 3, words[0] == "comment", words[1] == "on" else { return nil }
                let words = words[2] == "materialized" ? Array(words.dropFirst()) : words
                return "\(words[2]) \(bare(words[3]))"
            })
    }

    static func findings(in files: [SourceFile]) -> [Finding] {
        let described = files.reduce(into: Set<String>()) { $0.formUnion(commented(in: $1)) }
        return files.flatMap { file in
            created(in: file).filter { !described.contains("\($0.kind) \($0.name)") }.map {
                Finding(
                    path: file.path, line: $0.line, what: "\($0.kind) \($0.name) has no comment",
                    instead: "COMMENT ON \($0.kind.uppercased()) \($0.name) IS '…'")
            }
        }
    }

    /// The name without schema and what follows it.
    private static func bare(_ name: String) -> String {
        let name = name.prefix { $0 != "(" && $0 != ";" }
        return String(name.split(separator: ".").last ?? name)
    }

    /// The first words of every line that begins a statement of interest, lower case, with the words of the next line, since a
    /// name may stand there.
    private static func statements(in file: SourceFile) -> [(line: Int, words: [String])] {
        file.lines.indices.compactMap { index in
            let line = file.lines[index].lowercased()
            guard line.hasPrefix("create ") || line.hasPrefix("comment on ") else { return nil }
            let next = index + 1 < file.lines.count ? file.lines[index + 1].lowercased() : ""
            let words = (line + " " + next).split { $0 == " " || $0 == "\t" }.map(String.init)
            return (index + 1, words)
        }
    }
}
