import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct ValueTests {
    /// Sends `values` as `type`, and expects them back, alone and from the server's own hands.
    private func roundTrip<T: PostgresEncodable & PostgresDecodable & Equatable>(
        _ type: String,
        _ values: [T]
    ) async throws {
        let connection = try await connect()
        let statement = Statement("round_trip", "SELECT $1::\(type), $1::\(type)::text::\(type), $1::\(type) IS NULL")
        for value in values {
            let row = try await connection.query(statement, value)[0]
            #expect(try row.decode(0, as: T.self) == value)
            #expect(try row.decode(1, as: T.self) == value)
        }
        let null = try await connection.query(statement, T?.none)[0]
        #expect(try null.decode(0, as: T?.self) == nil)
        #expect(try null.decode(2, as: Bool.self))
        #expect(null.isNull(0))
        let error = #expect(throws: PostgresError.self) { try null.decode(0, as: T.self) }
        #expect(error?.code == .decoding)
        #expect(error?.column == 0)
    }

    @Test func `booleans and numbers come back`() async throws {
        try await roundTrip("bool", [true, false])
        try await roundTrip("int2", [Int16.min, -1, 0, .max])
        try await roundTrip("int4", [Int32.min, -1, 0, .max])
        try await roundTrip("int8", [Int64.min, -1, 0, .max])
        try await roundTrip("int8", [Int.min, 0, .max])
        try await roundTrip("float4", [Float(0), -1.5, .infinity, .greatestFiniteMagnitude])
        try await roundTrip("float8", [0.1, -1e300, .infinity, .leastNonzeroMagnitude])
    }

    @Test func `text comes back, whatever is in it`() async throws {
        let texts = ["", "a", "ä€😀 ✓", "line\nbreak\t\"'\\", String(repeating: "long ", count: 400_000)]
        try await roundTrip("text", texts)
        try await roundTrip("varchar", texts)
    }

    @Test func `bytes come back`() async throws {
        try await roundTrip("bytea", [[], [0], Array(0...255), [UInt8](repeating: 7, count: 3_000_000)])
    }

    @Test func `identifiers and instants come back`() async throws {
        let values = [UUIDValue(high: 0, low: 0), .random(), UUIDValue(high: .max, low: .max)]
        try await roundTrip("uuid", values)
        for value in values { #expect(UUIDValue(value.description) == value) }
        try await roundTrip(
            "timestamptz",
            [Timestamp(microseconds: 0), Timestamp(unixSeconds: Int64(1)), .infinity, .minusInfinity]
        )
    }

    @Test func `JSON comes back from json and jsonb`() async throws {
        try await roundTrip("jsonb", [JSONText(#"{"a": [1, "ü"]}"#), JSONText("null")])
        let connection = try await connect()
        let row = try await connection.query(Statement("json", "SELECT $1::json"), JSONText(#"{"a":  1}"#))[0]
        #expect(try row.decode(0, as: JSONText.self).description == #"{"a":  1}"#)
        #expect(try row.decode(0, as: String.self) == #"{"a":  1}"#)
    }

    @Test func `arrays come back, with and without NULLs`() async throws {
        try await roundTrip("int8[]", [[Int](), [1], Array(0..<10_000)])
        try await roundTrip("int4[]", [[Int32](), [.min, .max]])
        try await roundTrip("text[]", [["", "a,b", "{}", "\"", "NULL", "ü"]])
        try await roundTrip("bool[]", [[true, false]])
        try await roundTrip("uuid[]", [[UUIDValue.random(), .random()]])
        try await roundTrip("jsonb[]", [[JSONText("1"), JSONText(#"{"a": "b"}"#)]])
        try await roundTrip("timestamptz[]", [[Timestamp(microseconds: 5)]])
        try await roundTrip("int8[]", [[1, nil, 3], [nil]])
        try await roundTrip("text[]", [["a", nil], [nil, nil], []])
        let connection = try await connect()
        await #expect(throws: PostgresError.self) {
            try await connection.value("SELECT ARRAY[1,NULL]", as: [Int32].self)
        }
        await #expect(throws: PostgresError.self) {
            try await connection.value("SELECT '{{1},{2}}'::int4[]", as: [Int32].self)
        }
    }

    @Test func `strings fit enums, json and uuid, and are read from what is text`() async throws {
        let connection = try await connect()
        try await connection.execute(
            script:
                "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE DOMAIN word AS text; CREATE TABLE t (a mood, b jsonb)"
        )
        let row = try await connection.query(
            Statement("enum", "INSERT INTO t VALUES ($1, $2) RETURNING a, b, $3::uuid, $4::word, a::text::name"),
            "sad",
            "[1]",
            "00000000-0000-0000-0000-00000000000a",
            "w"
        )[0]
        #expect(try row.decode(0, as: String.self) == "sad")
        #expect(try row.decode(1, as: String.self) == "[1]")
        #expect(try row.decode(2, as: UUIDValue.self) == UUIDValue(high: 0, low: 10))
        #expect(try row.decode(3, as: String.self) == "w")
        #expect(try row.decode(4, as: String.self) == "sad")
    }

    @Test func `a NUL byte in a string is refused, not cut off`() async throws {
        let connection = try await connect()
        let error = await failure {
            try await connection.query(Statement("nul", "SELECT $1::text"), "secret\0tail")
        }
        #expect(error?.sqlState == "22021")
        #expect(error?.description.contains("secret") == false)
    }

    @Test func `narrow columns are read as wide numbers, other types are an error`() async throws {
        let connection = try await connect()
        let row = try await connection.query(
            Statement("narrow", "SELECT 1::int2, 2::int4, 3::oid, 1.5::float4, 1.5::numeric"))[0]
        #expect(try row.decode((Int, Int64, Int, Double).self) == (1, Int64(2), 3, 1.5))
        let error = #expect(throws: PostgresError.self) { try row.decode(4, as: Double.self) }
        #expect(error?.code == .decoding)
        #expect(error?.description.contains("numeric") == true)
        #expect(throws: PostgresError.self) { try row.decode(9, as: Int.self) }
        #expect(throws: PostgresError.self) { try row.decode(1, as: Int16.self) }
    }

    @Test func `results tell their columns and counts`() async throws {
        let connection = try await connect()
        try await connection.execute(script: "CREATE TABLE counted (a int)")
        let inserted = try await connection.query(Statement("i", "INSERT INTO counted SELECT generate_series(1, 7)"))
        #expect(inserted.affectedRows == 7)
        #expect(inserted.isEmpty)
        let rows = try await connection.query(
            Statement("s", "SELECT a AS first, 'x' AS second FROM counted ORDER BY a"))
        #expect(rows.columns.map(\.name) == ["first", "second"])
        #expect(rows.columns[0].type == .int4)
        #expect(try rows.map { try $0.decode(0, as: Int.self) } == Array(1...7))
        #expect(rows[0].withBytes(0) { $0?.byteCount } == 4)
    }

    @Test func `instants are written as RFC 3339`() async throws {
        #expect(Timestamp(microseconds: 0).description == "2000-01-01T00:00:00Z")
        #expect(Timestamp(unixSeconds: Int64(0)).description == "1970-01-01T00:00:00Z")
        #expect(Timestamp(unixSeconds: 951_782_399.25).description == "2000-02-28T23:59:59.25Z")
        #expect(Timestamp(microseconds: -1).description == "1999-12-31T23:59:59.999999Z")
        let connection = try await connect()
        try await connection.execute(script: "SET timezone = 'UTC'")
        let statement = Statement(
            "days",
            "SELECT t, to_char(t, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM generate_series('0901-01-01Z'::timestamptz, '2900-01-01', '97 days 1 hour 1 second') t"
        )
        for row in try await connection.query(statement) {
            #expect(try row.decode(0, as: Timestamp.self).description == row.decode(1, as: String.self))
        }
    }
}
