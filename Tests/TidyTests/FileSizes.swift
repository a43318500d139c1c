/// Files stay small enough to read in one go.
enum FileSizes {
    static let medianLimit = 150
    static let limit = 700
    /// How a file past the limit begins.
    static let reasonMark = "// Long because "

    static func median(of counts: [Int]) -> Int {
        counts.isEmpty ? 0 : counts.sorted()[counts.count / 2]
    }

    static func findings(in file: SourceFile) -> [Finding] {
        guard file.lines.count > limit, file.lines.first?.hasPrefix(reasonMark) != true else { return [] }
        return [
            Finding(
                path: file.path, line: 1, what: "\(file.lines.count) lines",
                instead: "split it, or begin it with \"\(reasonMark)…\"")
        ]
    }
}
