import PrivatePostgres
import Synchronization

/// A database of a suite's own, on the server of the test process.
package struct TestDatabase: Sendable {
    /// Its name.
    package let name: String
    /// Its libpq connection string.
    package let url: String

    @TaskLocal static var bound: TestDatabase?

    /// The database of the suite that is running.
    ///
    /// - Throws: `Absent` outside a suite with the trait `.database`.
    package static var current: TestDatabase {
        get throws {
            guard let bound else { throw Absent() }
            return bound
        }
    }

    /// The suite has no database.
    package struct Absent: Error, CustomStringConvertible {
        package var description: String { "no database here: give the suite the trait .database" }
    }

    private static let made = Atomic(0)

    /// Makes a fresh database.
    ///
    /// - Parameter migrated: whether it has Sluice's schema.
    static func make(migrated: Bool) async throws -> TestDatabase {
        let server = try await TestServer.shared
        let number = made.add(1, ordering: .relaxed).newValue
        let template = migrated ? try await migratedTemplate.value : nil
        let name = "test_\(number)"
        return TestDatabase(name: name, url: try await server.createDatabase(name, template: template))
    }

    /// Drops it, with whatever is still connected.
    func drop() async throws { try await TestServer.shared.dropDatabase(name) }

    // tidy: allow unstructured-task: migrated once for every suite of the process, by whichever asks first.
    private static let migratedTemplate = Task<String, any Error> {
        let name = "migrated"
        try await migrate(try await TestServer.shared.createDatabase(name))
        return name
    }
}
