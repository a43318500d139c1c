internal import BackendKit
internal import JSONText

/// One value of a configuration with the way to it, for sentences.
struct ConfigurationValue: Sendable {
    /// The way from the top, such as `paths.chat`.
    var key: String
    /// The last part of the way.
    var name: String
    /// The value as it was written.
    var json: [UInt8]

    private static let maximumMembers = 256

    init(key: String, json: [UInt8]) { (self.key, name, self.json) = (key, key, json) }

    private init(in parent: String, _ name: String, _ json: [UInt8]) {
        (key, self.name, self.json) = ("\(parent).\(name)", name, json)
    }

    private var value: JSONValue { JSONValue(parsing: json) ?? .null }

    /// A refusal that says what the value must be, without the value.
    func mistake(_ wish: String) -> BackendFailure {
        BackendFailure(.invalidRequest, "the openai backend's '\(key)' \(wish)")
    }

    private func mistaken(_ wish: String) -> BackendFailure { mistake("\(wish), not \(value.kindName)") }

    func text() throws(BackendFailure) -> String {
        guard case .string(let text) = value else { throw mistaken("must be a string") }
        guard 1...4_096 ~= text.utf8.count else { throw mistake("must have 1 to 4096 bytes") }
        return text
    }

    func flag() throws(BackendFailure) -> Bool {
        guard case .boolean(let flag) = value else { throw mistaken("must be true or false") }
        return flag
    }

    func number() throws(BackendFailure) -> Double {
        guard case .number(let number) = value, number.isFinite else { throw mistaken("must be a number") }
        return number
    }

    func integer(in range: ClosedRange<Int>) throws(BackendFailure) -> Int {
        guard let integer = Int(exactly: try number()), range ~= integer else {
            throw mistake("must be a whole number in \(range.lowerBound)...\(range.upperBound)")
        }
        return integer
    }

    /// A time of one millisecond to a day.
    func milliseconds() throws(BackendFailure) -> Duration { .milliseconds(try integer(in: 1...86_400_000)) }

    func members() throws(BackendFailure) -> [ConfigurationValue] {
        guard let object = JSONObjectEdit(json) else { throw mistaken("must be an object") }
        guard object.members.count <= Self.maximumMembers else { throw mistake("has more than 256 members") }
        return object.members.map { ConfigurationValue(in: key, $0.key, Array(object.text[$0.value])) }
    }

    func reference() throws(BackendFailure) -> SecretReference {
        guard let reference = SecretReference(try text()) else {
            throw mistake(
                "must be a reference to a secret, env:NAME or file:/path; the secret itself does not belong here")
        }
        return reference
    }

    /// One reference or a list of them.
    func references(atMost limit: Int) throws(BackendFailure) -> [SecretReference] {
        guard case .array(let elements) = value else { return [try reference()] }
        guard 1...limit ~= elements.count else { throw mistake("must be a reference, or a list of 1 to \(limit)") }
        return try elements.map { element throws(BackendFailure) in
            guard case .string(let text) = element, let reference = SecretReference(text) else {
                throw mistake(
                    "must hold references to secrets, env:NAME or file:/path; the secrets themselves do not belong here"
                )
            }
            return reference
        }
    }

    func headerName() throws(BackendFailure) -> String {
        let text = try text()
        guard Self.isToken(text) else { throw mistake("must be the name of a header") }
        return text.lowercased()
    }

    /// Text that may stand in a header.
    func headerText() throws(BackendFailure) -> String {
        let text = try text()
        guard text.utf8.allSatisfy({ 0x20...0x7e ~= $0 }) else { throw mistake("must be one line in ASCII") }
        return text
    }

    func header() throws(BackendFailure) -> OpenAIConfiguration.Header {
        guard Self.isToken(name) else { throw mistake("is not the name of a header") }
        guard
            !["host", "content-length", "transfer-encoding", "connection", "content-type"].contains(name.lowercased())
        else { throw mistake("is a header the backend sets itself") }
        let text = try headerText()
        let value = SecretReference(text).map(OpenAIConfiguration.Header.Value.secret) ?? .text(text)
        return OpenAIConfiguration.Header(name: name.lowercased(), value: value)
    }

    func clamp() throws(BackendFailure) -> OpenAIConfiguration.Clamp {
        var clamp = OpenAIConfiguration.Clamp(key: name)
        for member in try members() {
            switch member.name {
            case "min": clamp.minimum = try member.number()
            case "max": clamp.maximum = try member.number()
            default: throw mistake("has no '\(member.name)'; it has min, max")
            }
        }
        guard clamp.minimum != nil || clamp.maximum != nil else { throw mistake("needs min, max or both") }
        if let minimum = clamp.minimum, let maximum = clamp.maximum, minimum > maximum {
            throw mistake("has a min above its max")
        }
        return clamp
    }

    /// `http://` or `https://`, a host, and a path perhaps; without a slash at its end.
    func baseURL() throws(BackendFailure) -> String {
        var text = try text()
        guard let parts = WebAddress(text), ["http", "https"].contains(parts.scheme) else {
            throw mistake("must be an http:// or https:// URL without user, query or fragment")
        }
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    func proxy() throws(BackendFailure) -> OpenAIConfiguration.Proxy {
        guard let parts = WebAddress(try text()), ["http", "socks5"].contains(parts.scheme), parts.path.isEmpty,
            let port = parts.port
        else {
            throw mistake("must be http://HOST:PORT or socks5://HOST:PORT; a password goes to 'proxy_authorization'")
        }
        return OpenAIConfiguration.Proxy(isSOCKS: parts.scheme == "socks5", host: parts.host, port: port)
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
