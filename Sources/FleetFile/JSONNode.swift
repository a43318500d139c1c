internal import Domain
internal import Yams

/// YAML's nodes as JSON, and JSON's values as nodes: JSON is YAML that happens to be written in another style.
enum JSONNode {
    /// The text of `node` as PostgreSQL's jsonb would print it, its keys in the order of the node; nil for what JSON cannot
    /// say.
    static func text(of node: Node) -> String? {
        switch node {
        case .scalar(let scalar): text(of: scalar)
        case .sequence(let sequence):
            joined(sequence.map { text(of: $0) }, "[", "]")
        case .mapping(let mapping):
            joined(
                mapping.map { key, value in
                    guard let name = key.scalar?.string, let text = text(of: value) else { return nil }
                    return "\(quoted(name)): \(text)"
                }, "{", "}")
        case .alias: nil
        }
    }

    /// What `json` says, whatever the order of its keys and the spelling of its numbers: equal values have equal texts.
    static func canonical(_ json: String) -> String {
        do {
            return try Yams.compose(yaml: json).map(canonical) ?? json
        } catch {
            return json
        }
    }

    private static func canonical(_ node: Node) -> String {
        switch node {
        case .mapping(let mapping):
            let members = mapping.map { key, value in (key.scalar?.string ?? "", canonical(value)) }
            return "{" + members.sorted { $0.0 < $1.0 }.map { "\(quoted($0.0)):\($0.1)" }.joined(separator: ",") + "}"
        case .sequence(let sequence): return "[" + sequence.map(canonical).joined(separator: ",") + "]"
        case .scalar(let scalar):
            let text = text(of: scalar) ?? ""
            return isNumber(text) ? Double(text).map { "\($0)" } ?? text : text
        case .alias: return ""
        }
    }

    /// The node of the JSON value `json`, in the style people write.
    static func node(of json: String) -> Node {
        do {
            guard let node = try Yams.compose(yaml: json) else { return string(json) }
            return relaxed(node)
        } catch {
            return string(json)
        }
    }

    /// A text, in quotes only where it would be taken for something else.
    static func string(_ text: String) -> Node {
        let isPlain =
            text.utf8.first.map { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 } == true
            && text.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || "_-./".utf8.contains(byte)
            }
        // Other readers of YAML take more words for something else than this one.
        let node = Node(text, Tag(.implicit), .plain)
        return isPlain && node.bool == nil && node.null == nil ? node : Node(text, Tag(.str), .doubleQuoted)
    }

    private static func relaxed(_ node: Node) -> Node {
        switch node {
        case .scalar(let scalar): scalar.style == .doubleQuoted ? string(scalar.string) : node
        case .sequence(let sequence):
            Node(sequence.map(relaxed), Tag(.implicit), sequence.allSatisfy { $0.scalar != nil } ? .flow : .block)
        case .mapping(let mapping): Node(mapping.map { (string($0.scalar?.string ?? ""), relaxed($1)) })
        case .alias: node
        }
    }

    private static func joined(_ parts: [String?], _ open: String, _ close: String) -> String? {
        let texts = parts.compactMap { $0 }
        return texts.count == parts.count ? open + texts.joined(separator: ", ") + close : nil
    }

    private static func text(of scalar: Node.Scalar) -> String? {
        guard scalar.style == .plain || scalar.style == .any else { return quoted(scalar.string) }
        // As YAML 1.2 has it: `no` is a country and `12:30` a time of day, and both are texts.
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return "null"
        case "true", "True", "TRUE": return "true"
        case "false", "False", "FALSE": return "false"
        case let word: return isNumber(word) ? word : quoted(word)
        }
    }

    static func isNumber(_ text: String) -> Bool {
        text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil
    }

    /// `text` as a JSON string, with its quotes.
    static func quoted(_ text: String) -> String { JSONOutput.string(text).text }
}
