import Domain
import Logging
import Postgres
import Queue
import Synchronization
import TestSupport
import Testing

@testable import Gateway

@Suite(.database(migrated: true))
struct SubmissionsTests {
    /// Counts the statements that pass.
    private final class Counter: StatementRunner {
        let connection: Connection
        private let number = Atomic(0)

        init(_ connection: Connection) { self.connection = connection }

        var count: Int { number.load(ordering: .relaxed) }

        func query(_ statement: Statement, _ parameters: Parameters) async throws(PostgresError) -> Rows {
            number.add(1, ordering: .relaxed)
            return try await connection.query(statement, parameters)
        }
    }

    /// Submits on a connection of its own while `body` runs.
    private func submitting(
        _ body: (Submissions, Counter, Connection) async throws -> Void
    ) async throws {
        let connection = try await Connection.connect(
            ConnectionConfiguration(try TestDatabase.current.url),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer { connection.close() }
        try await Queue(connection).putModel("m")
        let counter = Counter(connection)
        let submissions = Submissions(Queue(counter))
        try await withThrowingTaskGroup { group in
            group.addTask { await submissions.run() }
            try await body(submissions, counter, connection)
            group.cancelAll()
        }
    }

    private static func submit(
        _ requests: [JobRequest], to submissions: Submissions
    ) async -> [Result<Int64, QueueError>] {
        await withTaskGroup(of: (Int, Result<Int64, QueueError>).self) { group in
            for (index, request) in requests.enumerated() {
                group.addTask {
                    do throws(QueueError) { return (index, .success(try await submissions.enqueue(request))) } catch {
                        return (index, .failure(error))
                    }
                }
            }
            let found = await group.reduce(into: [Int: Result<Int64, QueueError>]()) { $0[$1.0] = $1.1 }
            return requests.indices.compactMap { found[$0] }
        }
    }

    private static func request(_ number: Int) -> JobRequest {
        JobRequest(model: "m", payload: Array(#"{"n": \#(number)}"#.utf8))
    }

    @Test func `jobs that are submitted together share statements, and each gets its own id`() async throws {
        try await submitting { submissions, counter, connection in
            let outcomes = await Self.submit((0..<400).map(Self.request), to: submissions)
            let ids = try outcomes.map { try $0.get() }
            #expect(Set(ids).count == 400 && counter.count < 100)
            for (number, id) in ids.enumerated() {
                let payload = try await Queue(connection).payload(of: id) ?? []
                #expect(String(decoding: payload, as: UTF8.self) == #"{"n": \#(number)}"#)
            }
        }
    }

    @Test func `one that is refused takes nobody with it`() async throws {
        try await submitting { submissions, _, _ in
            var requests = (0..<50).map(Self.request)
            requests[17].payload = Array("[]".utf8)
            requests[23].model = "nix"
            requests[31].idempotencyKey = "once"
            requests[32] = requests[31]
            let outcomes = await Self.submit(requests, to: submissions)
            for (number, outcome) in outcomes.enumerated() {
                switch (number, outcome) {
                case (17, .failure(let error)): #expect(error.code == .invalidArgument)
                case (23, .failure(let error)): #expect(error.code == .unknownModel)
                default: #expect(throws: Never.self) { try outcome.get() }
                }
            }
            let (first, second) = (try outcomes[31].get(), try outcomes[32].get())
            #expect(first == second)
            #expect(throws: QueueError.self) { try outcomes[17].get() }
            #expect(throws: QueueError.self) { try outcomes[23].get() }
        }
    }

    @Test func `whoever comes when it is over is told so`() async throws {
        let submissions = Submissions(Queue(NoRunner()))
        await withTaskGroup { group in
            group.addTask { await submissions.run() }
            group.cancelAll()
        }
        let error = await #expect(throws: QueueError.self) { try await submissions.enqueue(Self.request(1)) }
        #expect(error?.code == .unavailable)
    }

    private struct NoRunner: StatementRunner {
        func query(_ statement: Statement, _ parameters: Parameters) async throws(PostgresError) -> Rows {
            throw PostgresError(.poolClosed, "There is none.")
        }
    }
}
