/// A value that can be sent as a parameter.
package protocol PostgresEncodable: Sendable {
    /// The parameter's type, or `.inferred` to let the server find it.
    static var postgresType: PostgresType { get }
    /// How `encode` writes.
    static var postgresFormat: PostgresFormat { get }
    /// Whether the value is NULL; then `encode` is not called.
    var isPostgresNull: Bool { get }
    /// Writes the value, without a length.
    func encode(into writer: inout ValueWriter)
}

extension PostgresEncodable {
    package static var postgresFormat: PostgresFormat { .binary }
    package var isPostgresNull: Bool { false }
}

/// A value that can be read from a column.
package protocol PostgresDecodable: Sendable {
    /// Reads the value from the binary form of a column of type `type`.
    static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Self
    /// What NULL is read as.
    static func decodeNull() throws(PostgresDecodingFailure) -> Self
}

extension PostgresDecodable {
    package static func decodeNull() throws(PostgresDecodingFailure) -> Self { throw .unexpectedNull }
}

/// A value whose arrays are a value too.
package protocol PostgresArrayElement: Sendable {
    static var postgresArrayType: PostgresType { get }
    static func encodeArray(_ array: [Self], into writer: inout ValueWriter)
    static func decodeArray(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [Self]
}

/// A single value that can be sent, read, and be an element of a one-dimensional array.
package protocol PostgresScalar: PostgresEncodable, PostgresDecodable, PostgresArrayElement {
    /// The type of the elements of an array of these.
    static var postgresElementType: PostgresType { get }
    /// Writes the value in binary, as an element of an array.
    func encodeElement(into writer: inout ValueWriter)
}

extension PostgresScalar {
    package static var postgresElementType: PostgresType { postgresType }

    package func encodeElement(into writer: inout ValueWriter) { encode(into: &writer) }

    package static func encodeArray(_ array: [Self], into writer: inout ValueWriter) {
        PostgresArray.writeHeader(count: array.count, hasNulls: false, element: postgresElementType, into: &writer)
        for value in array { writer.writeCounted { value.encodeElement(into: &$0) } }
    }

    package static func decodeArray(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [Self] {
        var array: [Self] = []
        try PostgresArray.read(
            bytes,
            reserve: { array.reserveCapacity($0) },
            element: { (bytes, type) throws(PostgresDecodingFailure) in array.append(try decode(bytes, type: type)) },
            null: { () throws(PostgresDecodingFailure) in array.append(try decodeNull()) }
        )
        return array
    }
}

/// The wire form of arrays: dimensions, a flag, the element type, (length, lower bound) per dimension, elements.
enum PostgresArray {
    static func writeHeader(count: Int, hasNulls: Bool, element: PostgresType, into writer: inout ValueWriter) {
        writer.write(Int32(count == 0 ? 0 : 1))
        writer.write(Int32(hasNulls ? 1 : 0))
        writer.write(element.rawValue)
        guard count > 0 else { return }
        writer.write(Int32(truncatingIfNeeded: count))
        writer.write(Int32(1))
    }

    static func read(
        _ bytes: RawSpan,
        reserve: (Int) -> Void,
        element: (RawSpan, PostgresType) throws(PostgresDecodingFailure) -> Void,
        null: () throws(PostgresDecodingFailure) -> Void
    ) throws(PostgresDecodingFailure) {
        let dimensions = try bytes.integer(at: 0, as: Int32.self)
        let type = PostgresType(rawValue: try bytes.integer(at: 8, as: UInt32.self))
        guard dimensions != 0 else { return }
        guard dimensions == 1 else { throw .wrongType }
        let count = Int(try bytes.integer(at: 12, as: Int32.self))
        // Every element takes at least its length field.
        guard count >= 0, count <= (bytes.byteCount - 20) / 4 else { throw .malformed }
        reserve(count)
        var offset = 20
        for _ in 0..<count {
            let length = Int(try bytes.integer(at: offset, as: Int32.self))
            offset += 4
            guard length >= 0 else {
                try null()
                continue
            }
            guard length <= bytes.byteCount - offset else { throw .malformed }
            try element(bytes.extracting(offset..<offset + length), type)
            offset += length
        }
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: PostgresType { Element.postgresArrayType }

    package func encode(into writer: inout ValueWriter) { Element.encodeArray(self, into: &writer) }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [Element] {
        try Element.decodeArray(bytes, type: type)
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: PostgresType { Wrapped.postgresType }
    package static var postgresFormat: PostgresFormat { Wrapped.postgresFormat }
    package var isPostgresNull: Bool { self?.isPostgresNull ?? true }

    package func encode(into writer: inout ValueWriter) { self?.encode(into: &writer) }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Wrapped? {
        try Wrapped.decode(bytes, type: type)
    }

    package static func decodeNull() -> Wrapped? { nil }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresScalar {
    package static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }

    package static func encodeArray(_ array: [Wrapped?], into writer: inout ValueWriter) {
        let hasNulls = array.contains { $0 == nil }
        PostgresArray.writeHeader(
            count: array.count,
            hasNulls: hasNulls,
            element: Wrapped.postgresElementType,
            into: &writer
        )
        for value in array {
            if let value { writer.writeCounted { value.encodeElement(into: &$0) } } else { writer.write(Int32(-1)) }
        }
    }

    package static func decodeArray(
        _ bytes: RawSpan,
        type: PostgresType
    ) throws(PostgresDecodingFailure) -> [Wrapped?] {
        var array: [Wrapped?] = []
        try PostgresArray.read(
            bytes,
            reserve: { array.reserveCapacity($0) },
            element: { (bytes, type) throws(PostgresDecodingFailure) in
                array.append(try Wrapped.decode(bytes, type: type))
            },
            null: { () throws(PostgresDecodingFailure) in array.append(nil) }
        )
        return array
    }
}

/// Arrays of bytes are `bytea`, not arrays of a type.
extension UInt8: PostgresArrayElement {
    package static var postgresArrayType: PostgresType { .bytea }

    package static func encodeArray(_ array: [UInt8], into writer: inout ValueWriter) { writer.write(bytes: array) }

    package static func decodeArray(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [UInt8] {
        guard type == .bytea else { throw .wrongType }
        return bytes.copied()
    }
}
