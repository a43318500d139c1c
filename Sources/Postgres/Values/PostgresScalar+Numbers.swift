extension Bool: PostgresScalar {
    package static var postgresType: PostgresType { .bool }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1000) }

    package func encode(into writer: inout ValueWriter) { writer.write(UInt8(self ? 1 : 0)) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Bool {
        guard type == .bool else { throw .wrongType }
        return try bytes.integer(as: UInt8.self) != 0
    }
}

extension Int16: PostgresScalar {
    package static var postgresType: PostgresType { .int2 }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1005) }

    package func encode(into writer: inout ValueWriter) { writer.write(self) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Int16 {
        guard type == .int2 else { throw .wrongType }
        return try bytes.integer()
    }
}

/// Read from int2 and int4.
extension Int32: PostgresScalar {
    package static var postgresType: PostgresType { .int4 }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1007) }

    package func encode(into writer: inout ValueWriter) { writer.write(self) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Int32 {
        switch type {
        case .int4: try bytes.integer()
        case .int2: Int32(try bytes.integer(as: Int16.self))
        default: throw .wrongType
        }
    }
}

/// Read from int2, int4, int8 and oid.
extension Int64: PostgresScalar {
    package static var postgresType: PostgresType { .int8 }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1016) }

    package func encode(into writer: inout ValueWriter) { writer.write(self) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Int64 {
        switch type {
        case .int8: try bytes.integer()
        case .int4: Int64(try bytes.integer(as: Int32.self))
        case .int2: Int64(try bytes.integer(as: Int16.self))
        case .oid: Int64(try bytes.integer(as: UInt32.self))
        default: throw .wrongType
        }
    }
}

/// Sent as int8; read from int2, int4, int8 and oid.
extension Int: PostgresScalar {
    package static var postgresType: PostgresType { .int8 }
    package static var postgresArrayType: PostgresType { Int64.postgresArrayType }

    package func encode(into writer: inout ValueWriter) { writer.write(Int64(self)) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Int {
        Int(try Int64.decode(bytes, type: type))
    }
}

extension Float: PostgresScalar {
    package static var postgresType: PostgresType { .float4 }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1021) }

    package func encode(into writer: inout ValueWriter) { writer.write(bitPattern) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Float {
        guard type == .float4 else { throw .wrongType }
        return Float(bitPattern: try bytes.integer())
    }
}

/// Read from float4 and float8.
///
/// Numeric columns are cast in the statement: `sum(x)::float8`.
extension Double: PostgresScalar {
    package static var postgresType: PostgresType { .float8 }
    package static var postgresArrayType: PostgresType { PostgresType(rawValue: 1022) }

    package func encode(into writer: inout ValueWriter) { writer.write(bitPattern) }

    package static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Double {
        switch type {
        case .float8: Double(bitPattern: try bytes.integer())
        case .float4: Double(Float(bitPattern: try bytes.integer()))
        default: throw .wrongType
        }
    }
}
