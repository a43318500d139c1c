/// Text of any kind.
///
/// As a parameter it is sent in text form with its type left to the server, so that it fits text, enum, json, jsonb,
/// uuid, interval and every other type alike. Where a statement gives the server nothing to infer from (`to_jsonb($1)`,
/// `format('%s', $1)`, an overloaded function) write `$1::text`. A NUL byte, which no PostgreSQL text can hold, is
/// refused by the server. An array of strings is `text[]`: for another type write `$1::text[]::kind[]`.
///
/// Read from text, varchar, name, "char", json, jsonb, and the types of the database itself (enums, domains, citext).
extension String: PostgresScalar {
    package static var postgresType: PostgresType { .inferred }
    package static var postgresFormat: PostgresFormat { .text }
    package static var postgresElementType: PostgresType { .text }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1009) }

    package func encode(into writer: inout ValueWriter) { writer.write(utf8: self) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> String {
        let skipped = try JSONText.prefixLength(bytes, type: type)
        let decoded: String? = unsafe bytes.withUnsafeBytes {
            unsafe String(validating: $0.dropFirst(skipped), as: UTF8.self)
        }
        guard let decoded else { throw .malformed }
        return decoded
    }
}

/// A JSON document as the bytes of its text, not parsed.
///
/// Sent in text form like `String`, for json and jsonb alike; an array of these is `json[]`. Read from json, jsonb and
/// every type a string can be read from. The server checks that it is JSON.
package struct JSONText: Sendable, Hashable, PostgresScalar, CustomStringConvertible {
    /// The document as UTF-8.
    package var utf8: [UInt8]

    /// The document whose text is `utf8`.
    package init(_ utf8: [UInt8]) { self.utf8 = utf8 }

    /// The document whose text is `text`.
    package init(_ text: String) { utf8 = Array(text.utf8) }

    /// The text, with bytes that are not UTF-8 replaced.
    package var description: String { String(decoding: utf8, as: UTF8.self) }

    package static var postgresType: PostgresType { .inferred }
    package static var postgresFormat: PostgresFormat { .text }
    package static var postgresElementType: PostgresType { .json }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 199) }

    package func encode(into writer: inout ValueWriter) { writer.write(bytes: utf8) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> JSONText {
        JSONText(bytes.copied(from: try prefixLength(bytes, type: type)))
    }

    /// How many bytes of a text-like value precede its text: jsonb has a version byte.
    static func prefixLength(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Int {
        guard type != .jsonb else {
            guard try bytes.integer(as: UInt8.self) == 1 else { throw .malformed }
            return 1
        }
        guard type.isText else { throw .wrongType }
        return 0
    }
}
