import BatchFile
import BatchLoading
import Domain
import FoundationEssentials
import Logging
import Postgres
import Queue
import TestSupport

/// A database with two models, and a folder for files.
struct Corner {
    let connection: Connection
    let second: Connection
    let queue: Queue
    let folder: TemporaryFolder

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() async throws {
        let configuration = try ConnectionConfiguration(try TestDatabase.current.url)
        connection = try await Connection.connect(configuration, logger: Self.logger)
        second = try await Connection.connect(configuration, logger: Self.logger)
        queue = Queue(connection)
        folder = try TemporaryFolder()
        for model in ["alpha", "beta"] {
            try await queue.putModel(model)
            try await queue.putDeployment(DeploymentRequest(model: model, name: model + "-1", backend: "mock"))
        }
    }

    /// Runs `body` and tidies up.
    static func with<Result>(_ body: (Corner) async throws -> Result) async throws -> Result {
        let corner = try await Corner()
        defer {
            corner.connection.close()
            corner.second.close()
        }
        do {
            let result = try await body(corner)
            try corner.folder.remove()
            return result
        } catch {
            try corner.folder.remove()
            throw error
        }
    }

    /// A file of `lines`.
    func file(_ lines: [String], _ name: String = "in.jsonl") throws -> BatchFile {
        let path = "\(folder.path)/\(name)"
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: path))
        return try BatchFile(path: path)
    }

    /// A loader on both connections, with chunks small enough for a test to have many.
    func loader(_ name: String = "test", lines: Int = 1_000, skipsInvalid: Bool = false) -> BatchLoader {
        var options = BatchLoader.Options(name: name)
        (options.chunkLines, options.skipsInvalid) = (lines, skipsInvalid)
        return BatchLoader(connection, second: second, options: options)
    }

    /// Checks and loads `file`.
    func load(_ file: BatchFile, _ loader: BatchLoader? = nil, tell: (BatchLoader.Event) -> Void = { _ in })
        async throws -> Int32
    {
        let loader = loader ?? self.loader()
        return try await loader.load(file, try await loader.check(file), tell: tell)
    }

    /// The custom ids of a batch in the order of its lines.
    func customIDs(of batch: Int32) async throws -> [String] {
        let ids = Statement("test_ids", "select custom_id from sluice.batch_jobs($1::int) order by line")
        return try await connection.query(ids, batch).map { try $0.decode(0, as: String.self) }
    }

    /// How many rows a query counts.
    func count(_ sql: String) async throws -> Int64 {
        let rows = try await connection.query(Statement("test_count", sql))
        return try rows.first?.decode(0, as: Int64.self) ?? -1
    }

    /// What must always hold and does not.
    func violations() async throws -> [String] {
        try await queue.invariantViolations().filter { $0.violations > 0 }.map(\.invariant)
    }

    static func line(_ id: String, model: String = "alpha", content: String = "Hello") -> String {
        #"{"custom_id": "\#(id)", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "\#(model)", "messages": [{"role": "user", "content": "\#(content)"}]}}"#
    }

    static func lines(_ count: Int) -> [String] {
        (0..<count).map { line("id-\($0)", model: $0.isMultiple(of: 3) ? "beta" : "alpha", content: "prompt \($0)") }
    }
}
