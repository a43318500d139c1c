public import Domain
/// Rows of values under titles: an aligned table for people, an object a row for scripts.
public struct TextTable: Sendable {
    /// A column.
    public struct Column: Sendable {
        /// What people read above it.
        public let title: String
        /// The member's name in JSON.
        public let key: String
        /// Whether it gives way when the terminal is narrow; at most to `minimumWidth`.
        public let canShrink: Bool

        /// A column titled `title`, named `key` in JSON.
        public init(_ title: String, key: String, canShrink: Bool = false) {
            self.title = title
            self.key = key
            self.canShrink = canShrink
        }
    }

    /// The columns, from the left.
    public let columns: [Column]
    /// The rows: as many cells each as there are columns.
    public private(set) var rows: [[Cell]] = []

    private static let minimumWidth = 8
    private static let gap = 2

    /// A table without rows.
    public init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row.
    ///
    /// It has to have a cell for each column.
    public mutating func append(_ row: [Cell]) {
        precondition(row.count == columns.count, "A row has a cell for each column")
        rows.append(row)
    }

    /// The rows as objects.
    public var json: [JSONOutput] {
        rows.map { row in .object(zip(columns, row).map { JSONOutput.Member($0.key, $1.json) }) }
    }

    /// The table as lines no wider than `width` columns; nil is any width.
    ///
    /// Numbers stand to the right.
    public func lines(width: Int? = nil, palette: Palette = .plain) -> [String] {
        let texts = rows.map { $0.map(\.text) }
        var widths = columns.indices.map { column in
            texts.reduce(columns[column].title.columns) { max($0, $1[column].columns) }
        }
        if let width { shrink(&widths, to: width) }
        let isNumeric = columns.indices.map { column in
            rows.contains { $0[column].isNumber } && rows.allSatisfy { $0[column].isNumber || $0[column] == .none }
        }
        func line(_ cells: [String], _ paint: (Int, String) -> String) -> String {
            var line = ""
            for (column, cell) in cells.enumerated() {
                if column > 0 { line += String(repeating: " ", count: Self.gap) }
                let cut = cell.truncated(to: widths[column])
                let blanks = String(repeating: " ", count: max(0, widths[column] - cut.columns))
                let isLast = column == cells.count - 1
                line += isNumeric[column] ? blanks + paint(column, cut) : paint(column, cut) + (isLast ? "" : blanks)
            }
            return line
        }
        let header = line(columns.map(\.title)) { palette.paint($1, .bold) }
        return [header] + zip(rows, texts).map { row, texts in line(texts) { row[$0].painted($1, palette) } }
    }

    /// Takes columns from the widest that may shrink, until the table fits or none can give more.
    private func shrink(_ widths: inout [Int], to width: Int) {
        var excess = widths.reduce(0, +) + Self.gap * max(0, widths.count - 1) - width
        while excess > 0 {
            let candidates = widths.indices.filter { columns[$0].canShrink && widths[$0] > Self.minimumWidth }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return }
            let next = candidates.filter { widths[$0] < widths[widest] }.map { widths[$0] }.max() ?? Self.minimumWidth
            let cut = min(excess, max(1, widths[widest] - next))
            widths[widest] -= cut
            excess -= cut
        }
    }
}
