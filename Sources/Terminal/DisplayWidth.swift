extension Character {
    /// How many columns a terminal gives the character: 0, 1 or 2.
    ///
    /// The rules are those of most terminals: East Asian wide and full-width forms and emoji take two. A character that
    /// a terminal's font lacks may still be drawn differently.
    public var columns: Int {
        guard let first = unicodeScalars.first else { return 0 }
        if first.value < 0x7F { return first.value < 0x20 ? 0 : 1 }
        switch first.properties.generalCategory {
        case .control, .format, .nonspacingMark, .enclosingMark, .surrogate: return 0
        default: break
        }
        // A variation selector asks for the picture of a character that is otherwise text.
        if first.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
        switch first.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F,
            0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x17000...0x18AFF,
            0x1B000...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}

extension String {
    /// How many columns a terminal gives the text, which must be free of escape sequences.
    public var columns: Int { reduce(0) { $0 + $1.columns } }

    /// The text cut to `width` columns at most, with `…` in the place of what was cut.
    public func truncated(to width: Int) -> String {
        guard width > 0 else { return "" }
        if utf8.count <= width || columns <= width { return self }
        var kept = ""
        var used = 0
        for character in self {
            guard used + character.columns < width else { break }
            kept.append(character)
            used += character.columns
        }
        return kept + "…"
    }

    /// The text with blanks added to `width` columns, in front when `toRight`.
    func padded(to width: Int, toRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - columns))
        return toRight ? blanks + self : self + blanks
    }

    /// The text on one line and without what a terminal would obey: line breaks and tabs become blanks, other control
    /// characters and direction overrides `�`.
    ///
    /// What clients and backends wrote is shown only like this.
    public var printable: String {
        func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.value {
            case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: false
            default: true
            }
        }
        if unicodeScalars.allSatisfy(isHarmless) { return self }
        var view = UnicodeScalarView()
        for scalar in unicodeScalars {
            if isHarmless(scalar) {
                view.append(scalar)
            } else {
                view.append(["\n", "\r", "\t"].contains(scalar) ? " " : "\u{FFFD}")
            }
        }
        return String(view)
    }
}
