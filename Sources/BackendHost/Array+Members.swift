internal import JSONText

extension Array<UInt8> {
    /// Appends a JSON object of texts.
    mutating func append(members: [(String, String)]) {
        append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            appendJSONString(member.0)
            append(UInt8(ascii: ":"))
            appendJSONString(member.1)
        }
        append(UInt8(ascii: "}"))
    }
}
