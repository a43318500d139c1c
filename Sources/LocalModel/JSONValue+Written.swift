import JSONText

extension [UInt8] {
    /// Appends a value as JSON without white space.
    mutating func appendJSON(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .boolean(let flag): append(contentsOf: flag ? "true".utf8 : "false".utf8)
        case .number(let number): appendNumber(number)
        case .string(let text): appendJSONString(text)
        case .array(let elements):
            append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { append(",") }
                appendJSON(element)
            }
            append("]")
        case .object(let members):
            append("{")
            for (index, member) in members.enumerated() {
                if index > 0 { append(",") }
                appendJSONString(member.key)
                append(":")
                appendJSON(member.value)
            }
            append("}")
        }
    }

    /// Appends a number, a whole one without a point; what JSON cannot say is null.
    mutating func appendNumber(_ number: Double) {
        guard number.isFinite else { return append("null") }
        if let integer = Int(exactly: number) { return appendDecimal(integer) }
        append(contentsOf: "\(number)".utf8)
    }
}
