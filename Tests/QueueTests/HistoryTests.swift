import Postgres
import Queue
import TestSupport
import Testing

/// Each test has a database of its own.
@Suite(.serialized)
struct HistoryTests {
    private func open() async throws -> Corner {
        let corner = try await Corner.open()
        try await corner.set("ring_fill_pages", 0)
        return corner
    }

    @Test(.database(migrated: true), arguments: [1, 2, 3] as [UInt64])
    func `every job ends exactly once, whatever becomes of its workers`(seed: UInt64) async throws {
        let corner = try await open()
        // The seed decides what is done, the machine when: a run in which no worker was too late proves little, so try again.
        for run in 0..<Self.runs {
            let history = try await Chaos(corner, jobs: 2000, seed: seed + UInt64(run) * 1000).run()
            let checker = HistoryChecker(history)
            #expect(checker.violations == [])
            #expect(try await corner.violations() == [])
            let isRefused = history.contains { if case .finishRefused = $0 { true } else { false } }
            if checker.duplicates > 0 && isRefused { return }
        }
        Issue.record("no worker was ever too late")
    }

    private static let runs = 8

    @Test(.database(migrated: true)) func `without the fence the checker sees it`() async throws {
        let corner = try await open()
        let definition: String = try await corner.connection.value(
            "select pg_get_functiondef('sluice.finish'::regproc)")
        let fence = "where r.id = i.id and r.attempt = i.attempt and r.worker_id = p_worker"
        try #require(definition.contains(fence))
        try await corner.connection.execute(script: definition.replacing(fence, with: "where r.id = i.id"))
        for run in 0..<Self.runs {
            let history = try await Chaos(corner, jobs: 2000, seed: 4 + UInt64(run)).run()
            if !HistoryChecker(history).violations.isEmpty { return }
        }
        Issue.record("nothing went wrong without the fence")
    }
}
