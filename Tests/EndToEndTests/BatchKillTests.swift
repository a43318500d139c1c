import Domain
import FoundationEssentials
import Logging
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// Batches of files when the gateway that loads them is killed, and as the command line sees them.
@Suite(.timeLimit(.minutes(10)))
struct BatchKillTests {
    private let count: Int32 = 40_000

    @Test(.database(migrated: true)) func `a gateway killed in the middle of loading: every line is there once`()
        async throws
    {
        let url = try TestDatabase.current.url
        let connection = try await Connection.connect(
            try ConnectionConfiguration(url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        defer { connection.close() }
        let queue = Queue(connection)
        try await queue.putModel("echo")
        let batch = try await order(queue)
        func loaded(_ connection: Connection, _ more: String = "") async throws -> Int32 {
            let rows = try await connection.query(
                Statement("test_loaded", "select loaded from sluice.batch where id = $1 \(more)"), batch)
            return try rows.first?.decode(0) ?? -1
        }
        try await gateway(url) { send in
            try await eventually("some of it is loaded", within: .seconds(60)) { try await loaded(connection) > 0 }
            // Whoever loads waits for this lock, so that the end comes in the middle of a chunk.
            try await connection.transaction { connection in
                let before = try await loaded(connection, "for update")
                #expect(before > 0 && before < count)
                try send(.kill)
            }
        }
        try await connection.execute(script: "update sluice.batch set leased_until = clock_timestamp()")
        try await gateway(url) { send in
            try await eventually("all of it is loaded", within: .seconds(120)) { try await loaded(connection) == count }
            try send(.terminate)
        }
        let rows = try await connection.query(
            Statement("test_lines", "select count(*), count(distinct custom_id) from sluice.job"))
        let (jobs, distinct) = try #require(try rows.first?.decode((Int64, Int64).self))
        #expect(jobs == Int64(count) && distinct == jobs)
        #expect(try await queue.invariantViolations().allSatisfy { $0.violations == 0 })
    }

    @Test(.database(migrated: true)) func `a batch made over HTTP is the command line's too`() async throws {
        try await RunningQueue.with { running in
            let batch = try await order(running.queue, lines: 20)
            let waited = try await running.sluice(["batch", "wait", "\(batch)", "--json"])
            #expect(waited.status == 0, "\(waited.errors)")
            let status = try await running.sluice(["batch", "status", "\(batch)"])
            #expect(status.output.contains("completed") && status.output.contains("lines.jsonl"), "\(status.output)")
            let record = try await running.queue.batch(batch, of: "default")
            #expect(record?.outputFile != nil && record?.errorFile == nil)
            // And the other way round.
            let line = Self.line(0)
            let submitted = try await running.sluice(["batch", "submit", "-", "--wait", "--output", "-"], input: line)
            #expect(submitted.status == 0, "\(submitted.errors)")
            let records = try await running.queue.batches(of: "default", after: nil, limit: 10)
            #expect(records.map(\.progress.batch) == [batch + 1, batch] && records[0].inputFile == nil)
            #expect(records[0].progress.state == .completed)
        }
    }

    private static func line(_ number: Int32) -> String {
        #"{"custom_id": "\#(number)", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "echo", "#
            + #""messages": [{"role": "user", "content": "Hello"}]}}"# + "\n"
    }

    /// Stores a file and orders a batch of it.
    private func order(_ queue: Queue, lines: Int32? = nil) async throws -> Int32 {
        let text = Array((0..<(lines ?? count)).map(Self.line).joined().utf8)
        let file = try await queue.beginFile(of: "default")
        var pieces: Int32 = 0
        for start in stride(from: 0, to: text.count, by: 1 << 18) {
            try await queue.append(
                Array(text[start..<min(start + (1 << 18), text.count)]), ordinal: pieces, to: file)
            pieces += 1
        }
        _ = try await queue.completeFile(
            file, filename: "lines.jsonl", purpose: "batch", bytes: Int64(text.count), pieces: pieces, keptFor: nil)
        return try await queue.order(
            BatchOrderRequest(
                tenant: "default", inputFile: file, kind: .chat, window: "24h", windowSeconds: 86_400))
    }

    /// Runs `body` beside a `sluice gateway`, which it ends.
    private func gateway(
        _ url: String, _ body: (_ send: (Signal) throws -> Void) async throws -> Void
    ) async throws {
        _ = try await Subprocess.run(
            .path(FilePath(try Products.path(of: "sluice"))),
            arguments: ["gateway", "--json", "--port", "0", "--database-url", url],
            environment: RunningQueue.environment, input: .none, output: .discarded, error: .discarded
        ) { execution in
            do { try await body { try execution.send(signal: $0) } } catch {
                try execution.send(signal: .kill)
                throw error
            }
        }
    }
}
