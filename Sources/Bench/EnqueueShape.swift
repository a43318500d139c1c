import BatchFile
import BatchLoading
import Domain
import FoundationEssentials
import Postgres
import Queue

/// A batch file into the queue, against a bare COPY of the same rows: those that the loader writes, taken from the queue and
/// copied in the same form into tables without an index, a constraint or a partition.
package struct EnqueueShape: Shape {
    package static let name = "enqueue"
    package static let abstract = "enqueue from a batch file, against bare COPY of the same rows"

    /// A table the loader writes, and its rows as COPY takes them.
    private struct BareTable {
        let name: String
        let columns: String
        var rows: [[UInt8]] = []

        static let all = [
            BareTable(name: "job", columns: Queue.loadedJobColumns),
            BareTable(name: "ready", columns: Queue.loadedReadyColumns),
        ]
    }

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        let path = "\(laboratory.folder)/batch.jsonl"
        laboratory.say("writing a batch file of \(laboratory.jobs) lines")
        try await Self.write(laboratory.jobs, to: path)
        var (loads, copies, checked): ([Double], [Double], Double) = ([], [], 0)
        var tables = BareTable.all
        for round in 1...laboratory.rounds {
            let load = try await Self.load(laboratory, path, &tables)
            let copied = try await Self.bareCopy(laboratory, tables)
            laboratory.say(
                "round \(round): \(rate(load.rate)), \(percent(load.rate / copied)) of bare COPY (\(rate(copied)))")
            loads.append(load.rate)
            copies.append(copied)
            checked = max(checked, load.checkRate)
        }
        // The middle of each: the machine's best second is not the same second for both.
        let (queue, bare) = (middle(of: loads), middle(of: copies))
        let ratio = queue / bare
        return [
            Measurement(
                Self.name, "a batch file checked, loaded and queued",
                "\(rate(queue)) = \(percent(ratio)) of bare COPY of the same rows (\(Int(bare)) jobs/s)",
                target: "at least 60%", isMet: ratio >= 0.6,
                figures: [
                    "jobs_per_second": queue, "copied_jobs_per_second": bare, "ratio": ratio,
                    "checked_lines_per_second": checked,
                ])
        ]
    }

    @concurrent private static func write(_ lines: Int, to path: String) async throws {
        let (head, tail) = (#"{"custom_id":"line-"#, #"","method":"POST","url":"/v1/chat/completions","body":"#)
        let body = String(decoding: BenchDatabase.payload, as: UTF8.self)
        var text: [UInt8] = []
        for line in 1...lines { text.append(contentsOf: "\(head)\(line)\(tail)\(body)}\n".utf8) }
        try Data(text).write(to: URL(filePath: path))
    }

    /// Loads the file and returns jobs per second, and lines per second of the check that comes first. Fills `tables` with
    /// what was written, once.
    private static func load(
        _ laboratory: Laboratory, _ path: String, _ tables: inout [BareTable]
    ) async throws -> (rate: Double, checkRate: Double) {
        var written = tables
        let rate = try await laboratory.withDatabase("enqueue") { database in
            let second = try await laboratory.connect(database.url)
            let loader = BatchLoader(database.connection, second: second, options: .init(name: "bench"))
            let start = ContinuousClock.now
            let file = try BatchFile(path: path)
            let summary = try await loader.check(file)
            let checked = (ContinuousClock.now - start).milliseconds / 1000
            _ = try await loader.load(file, summary)
            let seconds = (ContinuousClock.now - start).milliseconds / 1000
            second.close()
            let ready = try await database.number("bench_ready", "select count(*)::float8 from sluice.ready")
            guard Int(ready) == laboratory.jobs else { throw BenchFailure("\(Int(ready)) jobs were queued") }
            for index in written.indices where written[index].rows.isEmpty {
                let table = written[index]
                try await database.connection.copyOut(
                    "copy (select \(table.columns) from sluice.\(table.name)) to stdout (format binary)"
                ) { written[index].rows.append($0) }
            }
            return (Double(laboratory.jobs) / seconds, Double(laboratory.jobs) / checked)
        }
        tables = written
        return rate
    }

    private static func bareCopy(_ laboratory: Laboratory, _ tables: [BareTable]) async throws -> Double {
        try await laboratory.withDatabase("copy") { database in
            for table in tables {
                try await database.connection.execute(
                    script: """
                        create table bare_\(table.name) as select \(table.columns) from sluice.\(table.name) with no data
                        """)
            }
            let start = ContinuousClock.now
            for table in tables {
                let count = try await database.connection.copyIn(
                    "copy bare_\(table.name) from stdin (format binary)"
                ) { writer in for piece in table.rows { try await writer.write(piece) } }
                guard count == laboratory.jobs else { throw BenchFailure("\(count) rows were copied") }
            }
            return Double(laboratory.jobs) / ((ContinuousClock.now - start).milliseconds / 1000)
        }
    }
}
