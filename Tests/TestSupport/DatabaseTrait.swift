package import Testing

/// Gives a suite, with all its tests and inner suites, a fresh database as `TestDatabase.current`; or a single test one
/// of its own. Suites run side by side, each in its database.
package struct DatabaseTrait: SuiteTrait, TestTrait, TestScoping {
    let migrated: Bool

    /// Inner suites share the outer one's database.
    package var isRecursive: Bool { false }

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? {
        // A suite is entered once, without a case; a test once per case.
        test.isSuite == (testCase == nil) ? self : nil
    }

    @concurrent
    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let database = try await TestDatabase.make(migrated: migrated)
        try await TestDatabase.$bound.withValue(database) { try await function() }
        try await database.drop()
    }
}

extension Trait where Self == DatabaseTrait {
    /// A fresh, empty database.
    package static var database: Self { Self(migrated: false) }

    /// A fresh database, with Sluice's schema when `migrated`.
    package static func database(migrated: Bool) -> Self { Self(migrated: migrated) }
}
