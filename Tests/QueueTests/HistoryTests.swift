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
        let history = try await Chaos(corner, jobs: 2000, seed: seed).run()
        let checker = HistoryChecker(history)
        #expect(checker.violations == [])
        #expect(try await corner.violations() == [])
        #expect(checker.duplicates > 0)
        #expect(history.contains { if case .finishRefused = $0 { true } else { false } })
    }

    @Test(.database(migrated: true), arguments: [5, 6, 7] as [UInt64])
    func `every job ends exactly once, though late ones get a second attempt`(seed: UInt64) async throws {
        let (corner, names) = try await Corner.open(deployments: 2)
        try await corner.set("ring_fill_pages", 0)
        _ = try await corner.queue.perform(
            .setPolicy(model: corner.model, policy: Array(#"{"hedge_percent": 20}"#.utf8)), why: nil)
        let history = try await Chaos(corner, jobs: 1000, seed: seed, hedging: names).run()
        #expect(HistoryChecker(history).violations == [])
        #expect(try await corner.violations() == [])
        #expect(history.contains { if case .overtaken = $0 { true } else { false } })
        let mixed: Int64 = try await corner.connection.value(
            "select count(*) from sluice.result r left join sluice.hedge h on h.job_id = r.id and h.outcome = 'won' where r.hedged <> (h.job_id is not null)"
        )
        #expect(mixed == 0)
    }

    @Test(.database(migrated: true)) func `without the fence the checker sees it`() async throws {
        let corner = try await open()
        let definition: String = try await corner.connection.value(
            "select pg_get_functiondef('sluice.finish'::regproc)")
        let fence = "where r.id = i.id and r.attempt = i.attempt and r.worker_id = p_worker"
        try #require(definition.contains(fence))
        try await corner.connection.execute(script: definition.replacing(fence, with: "where r.id = i.id"))
        let history = try await Chaos(corner, jobs: 2000, seed: 4).run()
        #expect(!HistoryChecker(history).violations.isEmpty)
    }
}
