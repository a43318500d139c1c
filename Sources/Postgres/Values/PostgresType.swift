/// The number by which the server knows a type (its OID).
package struct PostgresType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The OID.
    package let rawValue: UInt32

    /// The type with the OID `rawValue`.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Let the server infer the parameter's type from the statement.
    package static var inferred: Self { Self(rawValue: 0) }
    package static var bool: Self { Self(rawValue: 16) }
    package static var bytea: Self { Self(rawValue: 17) }
    package static var int8: Self { Self(rawValue: 20) }
    package static var int2: Self { Self(rawValue: 21) }
    package static var int4: Self { Self(rawValue: 23) }
    package static var text: Self { Self(rawValue: 25) }
    package static var oid: Self { Self(rawValue: 26) }
    package static var json: Self { Self(rawValue: 114) }
    package static var float4: Self { Self(rawValue: 700) }
    package static var float8: Self { Self(rawValue: 701) }
    package static var timestamp: Self { Self(rawValue: 1114) }
    package static var timestamptz: Self { Self(rawValue: 1184) }
    package static var uuid: Self { Self(rawValue: 2950) }
    package static var jsonb: Self { Self(rawValue: 3802) }

    /// Whether a value's binary form is its text: text, varchar, char, name, "char", unknown, json, xml, and whatever
    /// was created in this database, since that includes enums, domains and citext.
    var isText: Bool {
        switch rawValue {
        case 18, 19, 25, 114, 142, 705, 1042, 1043: true
        default: rawValue >= 16384
        }
    }

    /// The name of a built-in type, or its number.
    package var description: String {
        switch self {
        case .bool: "bool"
        case .bytea: "bytea"
        case .int8: "int8"
        case .int2: "int2"
        case .int4: "int4"
        case .text: "text"
        case .oid: "oid"
        case .json: "json"
        case .float4: "float4"
        case .float8: "float8"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .uuid: "uuid"
        case .jsonb: "jsonb"
        default:
            switch rawValue {
            case 1043: "varchar"
            case 1082: "date"
            case 1186: "interval"
            case 1700: "numeric"
            case 2278: "void"
            default: "type \(rawValue)"
            }
        }
    }
}

/// The two ways a value travels.
package enum PostgresFormat: Int32, Sendable {
    /// The type's text form, which every type can be read from.
    case text = 0
    /// The type's binary form.
    case binary = 1
}
