/// Takes secrets out of what an upstream says: some repeat the key they refuse.
struct Redaction: Sendable {
    private let secrets: [[UInt8]]

    /// Shorter secrets are left: they would be found in any text.
    static let shortest = 6

    /// Takes out each of `secrets`.
    init(_ secrets: [String]) {
        self.secrets = secrets.map { Array($0.utf8) }.filter { $0.count >= Self.shortest }
    }

    /// `bytes` with `[secret]` in the place of every secret.
    func applied(to bytes: [UInt8]) -> [UInt8] {
        secrets.reduce(bytes) { Self.replace($1, in: $0) }
    }

    /// `text` with `[secret]` in the place of every secret.
    func applied(to text: String) -> String {
        String(decoding: applied(to: Array(text.utf8)), as: UTF8.self)
    }

    private static func replace(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        var copied = 0
        while index + secret.count <= bytes.count {
            guard bytes[index] == secret[0], bytes[index..<(index + secret.count)].elementsEqual(secret) else {
                index += 1
                continue
            }
            result += bytes[copied..<index]
            result += Array("[secret]".utf8)
            index += secret.count
            copied = index
        }
        return copied == 0 ? bytes : result + bytes[copied...]
    }
}
