import Domain

/// Gives members of a JSON object other values, and leaves every other byte as it was. Pure.
enum JSONPatch {
    /// `text` with `changes`; a member at the top that is not there is added, one further down is not.
    ///
    /// What is no object, or has one of the members twice, comes back as it was.
    static func apply(_ changes: [(path: [String], value: JSONOutput)], to text: [UInt8]) -> [UInt8] {
        var scanner = JSONScanner(selecting: changes.map(\.path))
        do throws(JSONScanError) { try scanner.scan(text.span) } catch { return text }
        guard scanner.root == .object, let brace = text.firstIndex(of: UInt8(ascii: "{")) else { return text }
        var edits: [(range: Range<Int>, value: [UInt8])] = []
        var added: [JSONOutput.Member] = []
        for (index, change) in changes.enumerated() {
            if let member = scanner[index] {
                var value: [UInt8] = []
                change.value.append(to: &value)
                edits.append((member.range, value))
            } else if change.path.count == 1 {
                added.append(.init(change.path[0], change.value))
            }
        }
        var text = text
        for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            text.replaceSubrange(edit.range, with: edit.value)
        }
        guard !added.isEmpty else { return text }
        var object: [UInt8] = []
        JSONOutput.object(added).append(to: &object)
        object.removeLast()
        let isEmpty = text[(brace + 1)...].first(where: { $0 > 0x20 }) == UInt8(ascii: "}")
        if !isEmpty { object.append(contentsOf: ", ".utf8) }
        text.replaceSubrange(brace..<brace + 1, with: object)
        return text
    }
}
