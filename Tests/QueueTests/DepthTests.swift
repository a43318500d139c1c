import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// The counts by which gateways turn jobs away.
@Suite(.database(migrated: true), .serialized)
struct DepthTests {
    /// Everything that waits for the corner's model, counted now.
    private func count(_ corner: Corner) async throws -> [QueueDepth] {
        try await corner.connection.execute(script: "select setval('sluice.depth_cost', 0)")
        return try await corner.queue.depths(notOlderThan: .zero).depths.filter { $0.model == corner.model }
    }

    @Test func `what waits is counted, by tenant, model and priority`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(5)
        try await corner.enqueue(2, priority: .interactive)
        try await corner.enqueue { $0.runAt = Timestamp(unixSeconds: 4e9) }
        let depths = try await count(corner)
        #expect(depths.map(\.waiting).sorted() == [2, 6] && depths.allSatisfy { $0.tenant == "default" })
        #expect(depths.allSatisfy { $0.perSecond == nil }, "nothing has run yet")
    }

    @Test func `how old a count is, is told even when nothing waits`() async throws {
        let corner = try await Corner.open()
        let before = try await corner.queue.depths(notOlderThan: .seconds(600)).age
        let day: Int64 = try await corner.connection.value(
            "select (extract(epoch from clock_timestamp()) * 1000)::bigint - 86400000")
        try await corner.connection.execute(
            script: "delete from sluice.measured_depth; select setval('sluice.depth_sampled', \(day))")
        let old = try await corner.queue.depths(notOlderThan: .seconds(600_000)).age
        #expect(old > before && old >= .seconds(86_400))
    }

    @Test func `a count is kept for as long as it may be old`() async throws {
        let corner = try await Corner.open()
        try await corner.enqueue(5)
        _ = try await count(corner)
        try await corner.enqueue(5)
        let kept = try await corner.queue.depths(notOlderThan: .seconds(600)).depths
            .filter { $0.model == corner.model }
        #expect(kept.map(\.waiting) == [5])
        // Counting takes a twentieth of the time at most.
        try await corner.connection.execute(script: "select setval('sluice.depth_cost', 30000)")
        let dear = try await corner.queue.depths(notOlderThan: .zero).depths.filter { $0.model == corner.model }
        #expect(dear.map(\.waiting) == [5])
        let new = try await count(corner)
        #expect(new.map(\.waiting) == [10])
    }

    @Test func `how fast a model works is what runs, divided by how long it takes`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        try await corner.enqueue(20)
        for job in try await corner.claim(worker, 10) { try await corner.finish(worker, job, .succeeded) }
        try await corner.connection.execute(
            script: "update sluice.result set started_at = finished_at - interval '2 seconds'")
        _ = try await corner.claim(worker, 4)
        let depth = try #require(try await count(corner).first)
        #expect(depth.waiting == 6)
        #expect(abs((depth.perSecond ?? 0) - 2) < 0.001, "4 at a time, 2 s each")
    }

    @Test func `bounds are kept by tenant and model`() async throws {
        let corner = try await Corner.open()
        let call = Statement("bound", "select sluice.set_queue_bound($1::int, $2::text, $3::text)")
        _ = try await corner.connection.query(call, Int32(7), corner.model, "default")
        _ = try await corner.connection.query(call, Int32(8), corner.model, String?.none)
        var bounds = try await corner.queue.bounds()
        #expect(bounds.contains(QueueBound(waiting: 100_000)))
        #expect(bounds.contains(QueueBound(tenant: "default", model: corner.model, waiting: 7)))
        _ = try await corner.connection.query(call, Int32?.none, corner.model, "default")
        #expect(
            try await changes(corner, "set_queue_bound") == [
                #"{"waiting": null} {"waiting": 7}"#, #"{"waiting": null} {"waiting": 8}"#,
                #"{"waiting": 7} {"waiting": null}"#,
            ])
        bounds = try await corner.queue.bounds()
        #expect(bounds.filter { $0.model == corner.model } == [QueueBound(model: corner.model, waiting: 8)])
    }

    @Test func `guards are kept by model`() async throws {
        let corner = try await Corner.open()
        _ = try await corner.connection.query(
            Statement("guard", "select sluice.set_guard($1::text, p_max_tokens_max => 9, p_unknown_fields => 'strip')"),
            corner.model)
        let found = try #require(try await corner.queue.guards().first { $0.model == corner.model })
        #expect(found.mostTokens == 9 && found.leastTokens == 1 && found.unknownFields == "strip")
        await #expect(throws: PostgresError.self) {
            try await corner.connection.query(
                Statement("bad_guard", "select sluice.set_guard($1::text, p_control_characters => 'eat')"),
                corner.model)
        }
        let sentence = try await corner.queue.setGuard(ModelGuard(model: corner.model, mostTokens: 5), why: "too long")
        #expect(sentence.hasPrefix("\(corner.model): max_tokens 1 to 5,"))
        let audited: [String] = try await corner.connection.values(
            """
            select format('%s>%s %s', before ->> 'max_tokens_max', after ->> 'max_tokens_max', why) from sluice.audit
            where verb = 'set_guard' and subject = 'model \(corner.model)' order by id
            """)
        #expect(audited == [">9 ", "9>5 too long"])
    }

    private func changes(_ corner: Corner, _ verb: String) async throws -> [String] {
        try await corner.connection.values(
            """
            select format('%s %s', before, after) from sluice.audit
            where verb = '\(verb)' and subject like 'model \(corner.model),%' order by id
            """)
    }
}
