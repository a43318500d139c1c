import BatchFile
import BatchLoading
import Domain
import FoundationEssentials
import Postgres

/// A batch file into the queue, against a bare COPY of the same rows.
package struct EnqueueShape: Shape {
    package static let name = "enqueue"
    package static let abstract = "enqueue from a batch file, against bare COPY of the same rows"

    private static let bufferBytes = 1 << 20

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        let path = "\(laboratory.folder)/batch.jsonl"
        laboratory.say("writing a batch file of \(laboratory.jobs) lines")
        try await Self.write(laboratory.jobs, to: path)
        var (queue, bare) = (0.0, 0.0)
        for round in 1...laboratory.rounds {
            laboratory.say("round \(round)")
            bare = max(bare, try await Self.bareCopy(laboratory))
            queue = max(queue, try await Self.load(laboratory, path))
        }
        let ratio = queue / bare
        return [
            Measurement(
                Self.name, "a batch file checked, loaded and queued",
                "\(rate(queue)) = \(percent(ratio)) of bare COPY of the same rows (\(Int(bare)) rows/s)",
                target: "at least 60%", isMet: ratio >= 0.6,
                figures: ["jobs_per_second": queue, "copy_rows_per_second": bare, "ratio": ratio])
        ]
    }

    @concurrent private static func write(_ lines: Int, to path: String) async throws {
        let (head, tail) = (#"{"custom_id":"line-"#, #"","method":"POST","url":"/v1/chat/completions","body":"#)
        let body = String(decoding: BenchDatabase.payload, as: UTF8.self)
        var text: [UInt8] = []
        for line in 1...lines { text.append(contentsOf: "\(head)\(line)\(tail)\(body)}\n".utf8) }
        try Data(text).write(to: URL(filePath: path))
    }

    private static func load(_ laboratory: Laboratory, _ path: String) async throws -> Double {
        try await laboratory.withDatabase("enqueue") { database in
            let second = try await laboratory.connect(database.url)
            let loader = BatchLoader(database.connection, second: second, options: .init(name: "bench"))
            let start = ContinuousClock.now
            let file = try BatchFile(path: path)
            let summary = try await loader.check(file)
            _ = try await loader.load(file, summary)
            let seconds = (ContinuousClock.now - start).milliseconds / 1000
            second.close()
            let ready = try await database.number("bench_ready", "select count(*)::float8 from sluice.ready")
            guard Int(ready) == laboratory.jobs else { throw BenchFailure("\(Int(ready)) jobs were queued") }
            return Double(laboratory.jobs) / seconds
        }
    }

    /// The columns of a job in a table without an index, rendered beforehand.
    private static func bareCopy(_ laboratory: Laboratory) async throws -> Double {
        try await laboratory.withDatabase("copy") { database in
            try await database.connection.execute(
                script: """
                    create table bare (key bigint, model_id int, tenant_id int, batch_id int, kind sluice.job_kind,
                        priority smallint, max_attempts smallint, custom_id text, payload json)
                    """)
            let payload = String(decoding: BenchDatabase.payload, as: UTF8.self)
            var pieces: [[UInt8]] = [[]]
            for line in 1...laboratory.jobs {
                if pieces[pieces.count - 1].count >= bufferBytes { pieces.append([]) }
                pieces[pieces.count - 1].append(
                    contentsOf: "\(line)\t1\t1\t1\tchat\t3\t5\tline-\(line)\t\(payload)\n".utf8)
            }
            let rendered = pieces
            let start = ContinuousClock.now
            let count = try await database.connection.copyIn("copy bare from stdin") { writer in
                for piece in rendered { try await writer.write(piece) }
            }
            guard count == laboratory.jobs else { throw BenchFailure("\(count) rows were copied") }
            return Double(laboratory.jobs) / ((ContinuousClock.now - start).milliseconds / 1000)
        }
    }
}
