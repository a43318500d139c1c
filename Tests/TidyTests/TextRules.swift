/// Rules on any text file of the repository.
enum TextRules {
    /// Words for unfinished work. Spelled apart, or this file would break its own rule.
    static let unfinished = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]

    static func unfinishedWork(in file: SourceFile) -> [Finding] {
        matches(in: file, of: unfinished, instead: "finish it, or open an issue and describe the limit")
    }

    /// Where the project was written is nobody's business, and not there for anybody else.
    static func foreignPaths(in file: SourceFile) -> [Finding] {
        matches(
            in: file, of: ["/wo" + "rk", "sha" + "red/"],
            instead: "the repository stands on its own: say it here, or leave it out")
    }

    private static func matches(in file: SourceFile, of words: [String], instead: String) -> [Finding] {
        file.lines.enumerated().flatMap { index, line in
            words.filter { isWord($0, in: line) }.map {
                Finding(path: file.path, line: index + 1, what: $0, instead: instead)
            }
        }
    }

    /// Whether `word` stands in `line` and is not part of a longer word or path.
    static func isWord(_ word: String, in line: String) -> Bool {
        line.ranges(of: word).contains { range in
            let before = range.lowerBound == line.startIndex ? nil : line[line.index(before: range.lowerBound)]
            let after = range.upperBound == line.endIndex ? nil : line[range.upperBound]
            let endsOpen = word.hasSuffix("/")
            return !(before.map(isPart) ?? false) && (endsOpen || !(after.map(isPart) ?? false))
        }
    }

    private static func isPart(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_" || character == "-"
    }
}
