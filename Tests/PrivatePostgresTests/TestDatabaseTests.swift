import TestSupport
import Testing

@Suite(.database)
struct TestDatabaseTests {
    @Test func `a suite has a database of its own`() throws {
        #expect(try TestDatabase.current.url.contains(" dbname=\(TestDatabase.current.name)"))
    }

    @Suite struct Inner {
        @Test func `which inner suites share`() throws { _ = try TestDatabase.current }
    }

    @Test(.database(migrated: true)) func `a test can have one of its own`() throws {
        #expect(try TestDatabase.current.name.hasPrefix("test_"))
    }
}

struct NoDatabaseTests {
    @Test func `without the trait there is none`() {
        #expect(throws: TestDatabase.Absent.self) { try TestDatabase.current }
    }
}
