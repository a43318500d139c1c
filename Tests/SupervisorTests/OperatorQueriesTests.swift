import Postgres
import TestSupport
import Testing

@testable import Supervisor

@Suite(.timeLimit(.minutes(5))) struct OperatorQueriesTests {
    @Test(.database) func `a slow query keeps neither the looks nor the other queries waiting`() async throws {
        try await Stage.with(workers: 0) { stage in
            let queries = OperatorQueries(
                try ConnectionConfiguration(stage.url), limit: 2, logger: stage.recorder.logger)
            let asked: [Int32: (text: String, timeout: Duration)] = [
                1: ("select 1 from pg_sleep(600)", .seconds(600)), 2: ("select 7", .seconds(5)),
                3: ("select 1 / 0", .seconds(5)),
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await queries.run() }
                #expect(queries.numbers(of: asked) == [:], "nobody waits for them")
                try await eventually("the quick one has answered") { queries.numbers(of: asked) == [2: 7] }
                try await eventually("that one fails is said") {
                    stage.recorder.entries.contains {
                        $0.message.contains("operator's query failed") && $0.metadata["deployment.id"] == "3"
                    }
                }
                // The last number stands for a while, and not for another query.
                #expect(queries.numbers(of: asked, at: .now + .seconds(20)) == [2: 7])
                #expect(queries.numbers(of: asked, at: .now + .seconds(60)) == [:])
                #expect(queries.numbers(of: [2: ("select 8", .seconds(5))]) == [:])
                try await eventually("the other has answered") {
                    queries.numbers(of: [2: ("select 8", .seconds(5))]) == [2: 8]
                }
                group.cancelAll()
            }
        }
    }
}
