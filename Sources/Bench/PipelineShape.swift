import CBaseline
import Glibc
import Postgres

/// Small pipelined queries through `Postgres`, against libpq from C at the same grouping of syncs.
package struct PipelineShape: Shape {
    package static let name = "pipeline"
    package static let abstract = "small pipelined queries, 64 at a time, against libpq from C"

    private static let window = 64
    private static let queries = 200_000
    private static let rounds = 5

    private struct Run {
        var perSecond = 0.0
        var cpuNanoseconds = Double.infinity

        mutating func keepBest(of run: Run) {
            perSecond = max(perSecond, run.perSecond)
            cpuNanoseconds = min(cpuNanoseconds, run.cpuNanoseconds)
        }
    }

    package init() {}

    package func measure(in laboratory: Laboratory) async throws -> [Measurement] {
        try await laboratory.withDatabase("pipeline") { database in
            let connection = try await laboratory.connect(database.url)
            let statement = Statement("bench_pipeline", "select $1::int4, 'x'")
            var (fromC, fromSwift) = (Run(), Run())
            for _ in 0..<Self.rounds {
                fromC.keepBest(of: try await Self.runC(database.url))
                fromSwift.keepBest(of: try await Self.runSwift(connection, statement))
            }
            connection.close()
            let ratio = fromSwift.perSecond / fromC.perSecond
            let cpu = fromSwift.cpuNanoseconds / fromC.cpuNanoseconds
            return [
                Measurement(
                    Self.name, "queries through Postgres, best of \(Self.rounds)",
                    "\(Int(fromSwift.perSecond))/s = \(percent(ratio)) of C, client CPU \(percent(cpu)) of C",
                    target: "at least 70% of the rate, at most 150% of the CPU", isMet: ratio >= 0.7 && cpu <= 1.5,
                    figures: [
                        "per_second": fromSwift.perSecond, "c_per_second": fromC.perSecond, "rate_ratio": ratio,
                        "cpu_ns": fromSwift.cpuNanoseconds, "c_cpu_ns": fromC.cpuNanoseconds, "cpu_ratio": cpu,
                    ])
            ]
        }
    }

    /// Blocks its thread, so not the loop's.
    @concurrent private static func runC(_ url: String) async throws -> Run {
        var result = baseline_result()
        guard baseline_run(url, Int32(queries), Int32(window), &result) == 0 else {
            throw BenchFailure("the baseline in C could not connect")
        }
        return Run(
            perSecond: Double(queries) / Double(result.elapsed_nanoseconds) * 1e9,
            cpuNanoseconds: Double(result.cpu_nanoseconds) / Double(queries))
    }

    private static func runSwift(_ connection: Connection, _ statement: Statement) async throws -> Run {
        let (start, cpu) = (clock(CLOCK_MONOTONIC), clock(CLOCK_PROCESS_CPUTIME_ID))
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for first in 0..<window {
                group.addTask(executorPreference: EventLoop.shared.executor) {
                    var sum = 0
                    for query in stride(from: first, to: queries, by: window) {
                        let rows = try await connection.query(statement, Int32(query))
                        let (number, text) = try rows[0].decode((Int32, String).self)
                        sum += Int(number) + text.utf8.count
                    }
                    return sum
                }
            }
            return try await group.reduce(0, +)
        }
        guard sum == queries * (queries - 1) / 2 + queries else { throw BenchFailure("a row came back wrong") }
        return Run(
            perSecond: Double(queries) / Double(clock(CLOCK_MONOTONIC) - start) * 1e9,
            cpuNanoseconds: Double(clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) / Double(queries))
    }

    private static func clock(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
