import Logging

/// The forms of a log line.
package enum LogFormat: Sendable {
    /// For people: `12:30:01.123 info  worker started  worker.id=7`.
    case human
    /// One JSON object per line: `time`, `level`, `logger`, `message`, and the metadata as `fields`.
    case json

    /// The line, with its end.
    package func line(_ record: LogRecord) -> String {
        switch self {
        case .human: Self.human(record)
        case .json: Self.json(record)
        }
    }

    private static func human(_ record: LogRecord) -> String {
        let time = record.timestamp.dropFirst(11).dropLast()
        let level = record.level.rawValue
        var line = "\(time) \(level)\(String(repeating: " ", count: max(0, 8 - level.count))) "
        line += printable(record.message)
        for (index, entry) in record.metadata.enumerated() {
            line += index == 0 ? "  " : " "
            line += "\(entry.key)="
            let value = printable(entry.value)
            line += value.contains(" ") || value.isEmpty ? "\"\(value)\"" : value
        }
        return line + "\n"
    }

    /// One line whatever was logged, and nothing a terminal would obey.
    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += " "
            default:
                let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
                if isControl { result += "?" } else { result.unicodeScalars.append(scalar) }
            }
        }
        return result
    }

    private static func json(_ record: LogRecord) -> String {
        var line = "{\"time\":\"\(record.timestamp)\",\"level\":\"\(record.level.rawValue)\",\"logger\":"
        quote(record.label, into: &line)
        line += ",\"message\":"
        quote(record.message, into: &line)
        if !record.metadata.isEmpty {
            line += ",\"fields\":{"
            for (index, entry) in record.metadata.enumerated() {
                if index > 0 { line += "," }
                quote(entry.key, into: &line)
                line += ":"
                quote(entry.value, into: &line)
            }
            line += "}"
        }
        return line + "}\n"
    }

    private static func quote(_ text: String, into line: inout String) {
        line += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": line += "\\\""
            case "\\": line += "\\\\"
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case _ where scalar.value < 0x20:
                let hexadecimal = String(scalar.value, radix: 16)
                line += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
            default: line.unicodeScalars.append(scalar)
            }
        }
        line += "\""
    }
}
