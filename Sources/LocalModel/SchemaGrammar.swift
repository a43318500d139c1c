import BackendKit
import JSONText

/// Turns a JSON schema into a grammar that lets through only texts the schema accepts.
///
/// Of JSON Schema it knows: `type` (also an array of types), `properties` in the order given, `required`, `items`, `minItems`
/// and `maxItems` (to 1,000), `enum`, `const`, `anyOf` and `oneOf`, `$ref` into `$defs` or `definitions` (also recursive),
/// `minLength` and `maxLength` (to 1,000), and `additionalProperties` with the value true for an object without properties.
/// Annotations (`title`, `description`, `default`, `examples`, `$schema`, `$id`, `$comment`, `deprecated`, `readOnly`,
/// `writeOnly`) say nothing about the text. Any other keyword is refused: what it asks for would not be kept. Objects with
/// `properties` get no members besides them. White space is at most a space or a line break with indentation.
struct SchemaGrammar {
    private var rules: [(name: String, body: String)] = []
    private var references: [String: String] = [:]
    private let root: JSONValue

    /// Nesting beyond this is refused.
    static let maximumDepth = 32
    /// A schema of more rules than this is refused: every token is checked against them.
    static let maximumRules = 2_000
    /// The largest number of items or characters that can be counted.
    static let maximumCount = 1_000

    /// GBNF with the rule `root`.
    /// - Throws: `unsupported` for a keyword it does not know, `invalidRequest` for what is no schema.
    static func text(for schema: JSONValue) throws(BackendFailure) -> String {
        var grammar = SchemaGrammar(root: schema)
        let body = try grammar.body(of: schema, depth: 0)
        grammar.rules.append(("root", body))
        return (grammar.rules.map { "\($0.name) ::= \($0.body)" } + primitives).joined(separator: "\n") + "\n"
    }

    private init(root: JSONValue) { self.root = root }

    private static let primitives = [
        #"space ::= | " " | "\n" [ \t]{0,20}"#,
        #"boolean ::= "true" | "false""#,
        #"null ::= "null""#,
        #"integral ::= [0] | [1-9] [0-9]{0,15}"#,
        #"integer ::= "-"? integral"#,
        #"number ::= "-"? integral ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?"#,
        #"char ::= [^"\\\x7F\x00-\x1F] | [\\] (["\\bfnrt/] | "u" [0-9a-fA-F]{4})"#,
        #"string ::= "\"" char* "\"""#,
        #"value ::= object | array | string | number | boolean | null"#,
        #"object ::= "{" space (string ":" space value ("," space string ":" space value)*)? space "}""#,
        #"array ::= "[" space (value ("," space value)*)? space "]""#,
    ]

    private static let annotations: Set = [
        "title", "description", "default", "examples", "$schema", "$id", "$comment", "deprecated", "readOnly",
        "writeOnly",
        "$defs", "definitions",
    ]

    private mutating func body(of schema: JSONValue, depth: Int) throws(BackendFailure) -> String {
        guard depth < Self.maximumDepth else { throw refusal("is nested deeper than \(Self.maximumDepth)") }
        if case .boolean(true) = schema { return "value" }
        guard case .object(let members) = schema else { throw refusal("must be an object") }
        let keys = Set(members.map(\.key)).subtracting(Self.annotations)
        if let reference = schema["$ref"] { return try self.reference(reference, keys, depth) }
        if let value = schema["const"] {
            try allow(keys, ["const", "type"])
            return literal(value)
        }
        if let values = schema["enum"] {
            try allow(keys, ["enum", "type"])
            guard case .array(let values) = values, 1...Self.maximumCount ~= values.count else {
                throw refusal("has an 'enum' that is no array of 1 to \(Self.maximumCount) values")
            }
            return values.map(literal).joined(separator: " | ")
        }
        for key in ["anyOf", "oneOf"] {
            guard let alternatives = schema[key] else { continue }
            try allow(keys, [key])
            guard case .array(let schemas) = alternatives, !schemas.isEmpty else {
                throw refusal("has an '\(key)' that is no array of schemas")
            }
            var names: [String] = []
            for schema in schemas { names.append(try rule(schema, depth + 1)) }
            return names.joined(separator: " | ")
        }
        switch schema["type"] {
        case .string(let type)?: return try body(of: type, schema, keys, depth)
        case .array(let types)? where !types.isEmpty:
            var bodies: [String] = []
            for type in types {
                guard case .string(let type) = type else { throw refusal("has a 'type' that is no word") }
                let own = keys.subtracting(Self.keywords(besides: type))
                bodies.append("(" + (try body(of: type, schema, own, depth)) + ")")
            }
            return bodies.joined(separator: " | ")
        case nil:
            if schema["properties"] != nil { return try body(of: "object", schema, keys, depth) }
            if schema["items"] != nil { return try body(of: "array", schema, keys, depth) }
            try allow(keys, [])
            return "value"
        default: throw refusal("has a 'type' that is no word")
        }
    }

    /// Keywords that belong to other types than this one, and say nothing of it.
    private static func keywords(besides type: String) -> Set<String> {
        var others: Set<String> = []
        for (name, keys) in [("object", objectKeys), ("array", arrayKeys), ("string", stringKeys)] where name != type {
            others.formUnion(keys)
        }
        return others.subtracting(["type"])
    }

    private static let objectKeys: Set = ["type", "properties", "required", "additionalProperties"]
    private static let arrayKeys: Set = ["type", "items", "minItems", "maxItems"]
    private static let stringKeys: Set = ["type", "minLength", "maxLength"]

    private mutating func body(
        of type: String, _ schema: JSONValue, _ keys: Set<String>, _ depth: Int
    ) throws(BackendFailure) -> String {
        switch type {
        case "object":
            try allow(keys, Self.objectKeys)
            return try object(schema, depth)
        case "array":
            try allow(keys, Self.arrayKeys)
            return try array(schema, depth)
        case "string":
            try allow(keys, Self.stringKeys)
            guard let range = try range(schema, "minLength", "maxLength") else { return "string" }
            return #""\"" char"# + range + #" "\"""#
        case "boolean", "null", "integer", "number":
            try allow(keys, ["type"])
            return type
        default: throw refusal("has the unknown type '\(type)'")
        }
    }

    private mutating func array(_ schema: JSONValue, _ depth: Int) throws(BackendFailure) -> String {
        var item = "value"
        if let items = schema["items"] { item = try rule(items, depth + 1) }
        let least = try count(schema, "minItems") ?? 0
        let most = try count(schema, "maxItems")
        guard most ?? least >= least else { throw refusal("has a 'maxItems' below 'minItems'") }
        if most == 0 { return #""[" space "]""# }
        let more = "{\(max(0, least - 1)),\(most.map { "\($0 - 1)" } ?? "")}"
        let items = #"\#(item) ("," space \#(item))\#(more)"#
        return #""[" space "# + (least == 0 ? "(\(items))?" : items) + #" space "]""#
    }

    private func range(_ schema: JSONValue, _ least: String, _ most: String) throws(BackendFailure) -> String? {
        let lower = try count(schema, least)
        let upper = try count(schema, most)
        guard lower != nil || upper != nil else { return nil }
        guard upper ?? .max >= lower ?? 0 else { throw refusal("has a '\(most)' below '\(least)'") }
        return "{\(lower ?? 0),\(upper.map(String.init) ?? "")}"
    }

    private func count(_ schema: JSONValue, _ key: String) throws(BackendFailure) -> Int? {
        guard let value = schema[key] else { return nil }
        guard case .number(let number) = value, let count = Int(exactly: number), 0...Self.maximumCount ~= count else {
            throw refusal("has a '\(key)' that is no whole number in 0...\(Self.maximumCount)")
        }
        return count
    }

    private func allow(_ keys: Set<String>, _ known: Set<String>) throws(BackendFailure) {
        guard let key = keys.subtracting(known).min() else { return }
        throw BackendFailure(.unsupported, "the schema's keyword '\(key)' is not one the local backend can keep here")
    }

    private func refusal(_ what: String) -> BackendFailure {
        BackendFailure(.invalidRequest, "the schema of 'response_format' \(what)")
    }
}

extension SchemaGrammar {
    /// The name of a rule for the schema.
    private mutating func rule(_ schema: JSONValue, _ depth: Int) throws(BackendFailure) -> String {
        let body = try body(of: schema, depth: depth)
        // A word is the name of a rule already.
        if body.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }) { return body }
        return try add(body, named: "rule-\(rules.count)")
    }

    private mutating func add(_ body: String, named name: String) throws(BackendFailure) -> String {
        guard rules.count < Self.maximumRules else { throw refusal("is larger than \(Self.maximumRules) rules") }
        rules.append((name, body))
        return name
    }

    /// The members in the order given; those that are not required may be left out.
    private mutating func object(_ schema: JSONValue, _ depth: Int) throws(BackendFailure) -> String {
        if let additional = schema["additionalProperties"] {
            guard case .boolean(let isAllowed) = additional, !isAllowed || schema["properties"] == nil else {
                throw BackendFailure(
                    .unsupported, "the schema's 'additionalProperties' can only be false beside 'properties'")
            }
            if !isAllowed, schema["properties"] == nil { return #""{" space "}""# }
        }
        guard let properties = schema["properties"] else {
            guard schema["required"] == nil else { throw refusal("has 'required' without 'properties'") }
            return "object"
        }
        guard case .object(let members) = properties else { throw refusal("has 'properties' that are no object") }
        var required: Set<String> = []
        if case .array(let names)? = schema["required"] {
            for name in names {
                guard case .string(let name) = name, properties[name] != nil else {
                    throw refusal("requires a property it does not have")
                }
                required.insert(name)
            }
        }
        var parts: [(text: String, isRequired: Bool)] = []
        for member in members {
            let value = try rule(member.value, depth + 1)
            parts.append((literal(.string(member.key)) + #" ":" space "# + value, required.contains(member.key)))
        }
        return try #""{" space "# + sequence(parts) + #" space "}""#
    }

    /// A rule for every place the list can go on from, first without and then with a comma before it: as many as there are
    /// members, whatever may be left out.
    private mutating func sequence(_ parts: [(text: String, isRequired: Bool)]) throws(BackendFailure) -> String {
        let start = rules.count
        var rest = ""
        var first = ""
        for (index, part) in parts.enumerated().reversed() {
            let following = rest.isEmpty ? "" : " " + rest
            let alone = part.text + following
            let behind = #""," space "# + part.text + following
            if part.isRequired {
                first = alone
                rest = try add(behind, named: "rest-\(start)-\(index)")
            } else {
                first = first.isEmpty ? "(\(alone))?" : "(\(alone) | \(first))"
                rest = try add(rest.isEmpty ? "(\(behind))?" : "\(behind) | \(rest)", named: "rest-\(start)-\(index)")
            }
            if first.utf8.count > 512 { first = try add(first, named: "first-\(start)-\(index)") }
        }
        return first
    }

    private mutating func reference(
        _ reference: JSONValue, _ keys: Set<String>, _ depth: Int
    ) throws(BackendFailure) -> String {
        try allow(keys, ["$ref"])
        guard case .string(let path) = reference else { throw refusal("has a '$ref' that is no text") }
        if let name = references[path] { return name }
        var target = root
        if path != "#" {
            let parts = path.split(separator: "/")
            guard parts.count == 3, parts[0] == "#", parts[1] == "$defs" || parts[1] == "definitions",
                let found = root[String(parts[1])]?[String(parts[2])]
            else { throw refusal("has a '$ref' to what is not in its $defs") }
            target = found
        }
        // Named before it is written: it may speak of itself.
        let name = "ref-\(references.count)"
        references[path] = name
        let body = try body(of: target, depth: depth + 1)
        return try add(body, named: name)
    }

    /// Exactly this value, written without white space.
    private func literal(_ value: JSONValue) -> String {
        var text: [UInt8] = []
        text.appendJSON(value)
        var quoted = "\""
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
