/// A text file of the repository, as its lines, and as its lines without comments and string contents.
struct SourceFile {
    /// Relative to the repository.
    let path: String
    let lines: [String]
    /// The same lines, comments and the contents of string literals blanked.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = Self.blanked(Array(text.utf8)).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    var isSwift: Bool { path.hasSuffix(".swift") }

    /// The folder below `Sources`, `Plugins` or `Tests`: the target.
    var target: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, ["Sources", "Plugins", "Tests"].contains(parts[0]) else { return nil }
        return String(parts[1])
    }

    /// Whether the line, or a comment above it, carries `// tidy: allow <rule>: <reason>`.
    func allows(_ rule: String, line: Int) -> Bool {
        let mark = "// tidy: allow \(rule): "
        return [line, line - 1].contains { index in
            lines.indices.contains(index - 1) && lines[index - 1].contains(mark)
        }
    }

    /// Lines of the code, counted from 1, that contain `needle` as a word of its own where it starts with a letter.
    func places(of needle: String) -> [Int] {
        let needle = Array(needle.utf8)
        return code.indices.filter { Self.contains(Array(code[$0].utf8), needle) }.map { $0 + 1 }
    }

    private static func contains(_ line: [UInt8], _ needle: [UInt8]) -> Bool {
        guard let first = needle.first, line.count >= needle.count else { return false }
        for start in 0...(line.count - needle.count) where line[start] == first {
            let startsWord = start == 0 || !isWord(first) || !isWord(line[start - 1])
            if startsWord, line[start..<(start + needle.count)].elementsEqual(needle) { return true }
        }
        return false
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }

    /// Replaces comments and the contents of string literals by blanks; lines stay where they are. Interpolated code is
    /// treated as text.
    static func blanked(_ text: [UInt8]) -> [UInt8] {
        var lexer = Lexer(text: text)
        return lexer.run()
    }
}
