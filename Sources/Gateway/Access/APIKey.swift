import Crypto

/// A key of the gateway: `sk-` and 256 random bits in base 62 or so. Only its hash is ever stored.
package struct APIKey: Sendable {
    /// The key itself: shown once, to whoever asked for it.
    package let text: String

    private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
    /// The longest text that is looked at; no key is longer.
    static let maximumBytes = 256

    /// A key that nobody else has.
    package static func random() -> APIKey {
        var generator = SystemRandomNumberGenerator()
        // 43 letters of six bits each: 258 bits.
        let letters = (0..<43).map { _ in Self.letters[Int(generator.next(upperBound: UInt(64)))] }
        return APIKey("sk-" + String(decoding: letters, as: UTF8.self))
    }

    /// The key somebody gave.
    package init(_ text: String) { self.text = text }

    /// By which people tell it from others.
    package var prefix: String { String(text.prefix(9)) }

    /// By which the database knows it.
    package var sha256: [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }
}
