/// The parameters of one call, in order, already in wire form in one buffer.
package struct Parameters: Sendable {
    struct Field: Sendable {
        var offset: Int
        /// -1 for NULL.
        var length: Int
        var type: PostgresType
        var format: PostgresFormat

        init(offset: Int, length: Int, type: PostgresType, format: PostgresFormat) {
            self.offset = offset
            self.length = length
            self.type = type
            self.format = format
        }
    }

    var writer = ValueWriter()
    var fields: [Field] = []

    /// What the protocol can carry in one call.
    package static let maximumCount = 65_535
    /// The most bytes all values of a call may have together.
    package static let maximumBytes = 1 << 30

    /// No parameters.
    package init() {}

    /// How many parameters there are.
    package var count: Int { fields.count }

    /// Appends `value` as the next parameter.
    ///
    /// More than `maximumCount` values or `maximumBytes` bytes make the call fail with `.notSupported`.
    package mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let start = writer.bytes.count
        guard !value.isPostgresNull else {
            fields.append(Field(offset: start, length: -1, type: Value.postgresType, format: .binary))
            return
        }
        value.encode(into: &writer)
        var format = Value.postgresFormat
        let length = writer.bytes.count - start
        if format == .text {
            // libpq finds the end of a text value by its NUL. One inside would cut it short silently; in binary form
            // the server sees it, and refuses it.
            if writer.bytes[start...].contains(0) { format = .binary } else { writer.bytes.append(0) }
        }
        fields.append(Field(offset: start, length: length, type: Value.postgresType, format: format))
    }

    /// The types, for preparing the statement.
    var types: [PostgresType] { fields.map(\.type) }

    func haveTypes(_ types: [PostgresType]) -> Bool {
        guard types.count == fields.count else { return false }
        for index in types.indices where types[index] != fields[index].type { return false }
        return true
    }

    /// Why the call cannot be sent, or nil.
    var excess: PostgresError? {
        guard count <= Self.maximumCount else {
            return PostgresError(.notSupported, "a statement takes at most \(Self.maximumCount) parameters")
        }
        guard writer.bytes.count <= Self.maximumBytes else {
            return PostgresError(.notSupported, "the parameters of a statement may have at most 1 GiB together")
        }
        return nil
    }
}
