import CBaseline
import Glibc
import Logging
import Postgres

@main struct Main {
    static func main() async throws {
        let url = CommandLine.arguments.dropFirst().first ?? "postgresql://postgres@localhost:54399/postgres"
        let queries = Int(CommandLine.arguments.dropFirst(2).first ?? "200000") ?? 200_000, window = 64
        let statement = Statement("bench", "select $1::int4, 'x'")
        let connection = try await Connection.connect(ConnectionConfiguration(url), logger: Logger(label: "b"))
        var best: (c: (Double, Double), s: (Double, Double)) = ((0, 1e9), (0, 1e9))
        for round in 0..<(CommandLine.arguments.count > 3 ? 1 : 5) {
            var r = baseline_result()
            guard baseline_run(url, Int32(queries), Int32(window), &r) == 0 else { print("baseline failed"); return }
            let c = (Double(queries) / Double(r.elapsed_nanoseconds) * 1e9, Double(r.cpu_nanoseconds) / Double(queries))
            let s = try await swiftRun(connection, statement, queries, window)
            if round == 0, CommandLine.arguments.contains("--swift-only") { while true { _ = try await swiftRun(connection, statement, queries, window) } }
            print("C \(Int(c.0))/s \(Int(c.1)) ns cpu   Swift \(Int(s.0))/s \(Int(s.1)) ns cpu")
            best.c = (max(best.c.0, c.0), min(best.c.1, c.1)); best.s = (max(best.s.0, s.0), min(best.s.1, s.1))
        }
        print("rate ratio \(best.s.0 / best.c.0)  cpu ratio \(best.s.1 / best.c.1)")
    }
    static func swiftRun(_ connection: Connection, _ statement: Statement, _ queries: Int, _ window: Int) async throws -> (Double, Double) {
        func clock(_ c: clockid_t) -> Int { var t = timespec(); clock_gettime(c, &t); return t.tv_sec * 1_000_000_000 + t.tv_nsec }
        let start = clock(CLOCK_MONOTONIC), cpu = clock(CLOCK_PROCESS_CPUTIME_ID)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for w in 0..<window {
                group.addTask(executorPreference: EventLoop.shared.executor) {
                    var sum = 0
                    for i in stride(from: w, to: queries, by: window) {
                        let (n, x) = try await connection.query(statement, Int32(i))[0].decode((Int32, String).self)
                        sum += Int(n) + x.utf8.count
                    }
                    return sum
                }
            }
            var sum = 0
            for try await s in group { sum += s }
            precondition(sum == queries * (queries - 1) / 2 + queries)
        }
        return (Double(queries) / Double(clock(CLOCK_MONOTONIC) - start) * 1e9, Double(clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) / Double(queries))
    }
}
