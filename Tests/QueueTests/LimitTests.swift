import Postgres
import Queue
import TestSupport
import Testing

/// Keys and limits as the database keeps them.
@Suite(.database(migrated: true))
struct LimitTests {
    /// A key's limit of its own; the number is what grants are asked by.
    private func limit(
        _ corner: Corner, requests: Int32? = nil, tokens: Int64? = nil, concurrency: Int32? = nil
    ) async throws -> (key: Int32, limit: Int32, sha256: [UInt8]) {
        var random = SystemRandomNumberGenerator()
        let sha256 = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        let key = try await corner.queue.createKey(tenant: "default", name: "k", prefix: "sk-k", sha256: sha256)
        try await corner.queue.setLimits(
            key: key, requestsPerMinute: requests, tokensPerMinute: tokens, concurrency: concurrency)
        let found = try #require(try await corner.queue.owner(ofKey: sha256)?.keyLimit)
        return (key, found.id, sha256)
    }

    private func take(_ corner: Corner, _ gateway: Int64, _ request: GrantRequest) async throws -> GrantAnswer {
        try #require(try await corner.queue.takeGrants(gateway: gateway, [request]).first)
    }

    @Test func `a bucket gives out what it holds, and takes back`() async throws {
        let corner = try await Corner.open()
        // So slow that nothing to speak of comes while this runs.
        let (_, limit, _) = try await limit(corner, requests: 10, tokens: 100)
        let first = try await take(corner, 1, GrantRequest(limit: limit, requests: 7, tokens: 60))
        #expect((first.requests, first.tokens) == (7, 60))
        let second = try await take(corner, 2, GrantRequest(limit: limit, requests: 7, tokens: 60))
        #expect((second.requests, second.tokens) == (3, 40))
        let none = try await take(corner, 2, GrantRequest(limit: limit, requests: 1, tokens: 10))
        #expect(none.requests == 0 && (none.requestsLeft ?? 1) < 1)
        _ = try await take(corner, 1, GrantRequest(limit: limit, requestsBack: 2, tokensBack: -500))
        let third = try await take(corner, 2, GrantRequest(limit: limit, requests: 7, tokens: 1))
        #expect((third.requests, third.tokens) == (2, 0) && (third.tokensLeft ?? 0) < -400)
        // More than a minute's worth is never held.
        try await corner.connection.execute(
            script: "update sluice.rate_limit set refilled_at = refilled_at - interval '1 hour' where id = \(limit)")
        let later = try await take(corner, 1, GrantRequest(limit: limit, requests: 70, requestsBack: 70))
        #expect(later.requests == 10)
    }

    @Test func `what becomes of a key is on record, its secret is not`() async throws {
        let corner = try await Corner.open()
        let (key, _, sha256) = try await limit(corner, requests: 10)
        let next = try await corner.queue.rotateKey(
            key, prefix: "sk-n", sha256: sha256.reversed(), overlap: .seconds(60))
        try await corner.queue.setLimits(key: next, requestsPerMinute: 20, why: "they grew")
        try await corner.queue.revokeKey(next)
        // Once is enough: it says nothing new.
        try await corner.queue.revokeKey(next)
        let record: [String] = try await corner.connection.values(
            """
            select concat_ws(' ', verb, before ->> 'requests_per_minute', after ->> 'requests_per_minute', why)
            from sluice.audit where subject in ('key \(key)', 'key \(next)') order by id
            """)
        #expect(
            record == ["create_key", "set_limits 10", "rotate_key", "set_limits 10 20 they grew", "revoke_key"])
        let secrets: Int64 = try await corner.connection.value(
            """
            select count(*) from sluice.audit a
            where a::text ~ '\(sha256.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())'
            """)
        #expect(secrets == 0)
    }

    @Test func `many gateways at once are given what there is, once`() async throws {
        let corner = try await Corner.open()
        let (_, limit, _) = try await limit(corner, requests: 60, concurrency: 8)
        let start = ContinuousClock.now
        let answers = try await withThrowingTaskGroup(of: [GrantAnswer].self) { group in
            for gateway in 1...6 {
                group.addTask {
                    let corner = try await corner.another()
                    defer { corner.connection.close() }
                    var answers: [GrantAnswer] = []
                    for _ in 0..<20 {
                        answers += try await corner.queue.takeGrants(
                            gateway: Int64(gateway), [GrantRequest(limit: limit, requests: 3, slots: 3)])
                    }
                    return answers
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let filled = Int32((ContinuousClock.now - start).components.seconds) + 1
        #expect(60...60 + filled ~= answers.reduce(0) { $0 + $1.requests })
        let slots: Int64 = try await corner.connection.value(
            "select sum(slots) from sluice.rate_lease where limit_id = \(limit)")
        #expect(slots == 8)
    }

    @Test func `slots of a gateway that is gone come back`() async throws {
        let corner = try await Corner.open()
        let (_, limit, _) = try await limit(corner, concurrency: 2)
        let first = try await take(corner, 1, GrantRequest(limit: limit, slots: 2))
        #expect(first.slots == 2)
        let none = try await take(corner, 2, GrantRequest(limit: limit, slots: 1))
        #expect(none.slots == 0)
        try await corner.connection.execute(
            script: "update sluice.rate_lease set until = until - interval '15 seconds' where limit_id = \(limit)")
        let some = try await take(corner, 2, GrantRequest(limit: limit, slots: 1))
        #expect(some.slots == 1)
        let back = try await take(corner, 1, GrantRequest(limit: limit, slots: 2))
        #expect(back.slots == 1, "what others hold is not taken from them")
    }

    @Test func `a limit that is no limit grants everything, and one that is gone has no answer`() async throws {
        let corner = try await Corner.open()
        let (_, limit, _) = try await limit(corner)
        let all = try await take(corner, 1, GrantRequest(limit: limit, requests: 1_000, tokens: 1_000))
        #expect((all.requests, all.tokens) == (1_000, 1_000) && all.requestsLeft == nil)
        #expect(try await corner.queue.takeGrants(gateway: 1, [GrantRequest(limit: 1_000_000)]).isEmpty)
    }

    @Test func `a line of keys has one set of limits`() async throws {
        let corner = try await Corner.open()
        let (key, limit, sha256) = try await limit(corner, requests: 10)
        let next = Array(repeating: UInt8(key & 0xFF), count: 32)
        let second = try await corner.queue.rotateKey(key, prefix: "sk-n", sha256: next, overlap: .seconds(60))
        let owner = try #require(try await corner.queue.owner(ofKey: next))
        #expect(owner.key == second && owner.keyLimit?.id == limit && owner.expiresIn == nil)
        let old = try #require(try await corner.queue.owner(ofKey: sha256))
        #expect(old.expiresIn.map { .zero < $0 && $0 <= .seconds(60) } == true)
        try await corner.queue.setLimits(key: second, requestsPerMinute: 5)
        let changed = try await corner.queue.owner(ofKey: sha256)
        #expect(changed?.keyLimit?.requestsPerMinute == 5)
        #expect(
            try await code { _ = try await corner.queue.rotateKey(99_999, prefix: "x", sha256: [], overlap: .zero) }
                == .notFound)
    }

    @Test func `bad settings are refused by name`() async throws {
        let corner = try await Corner.open()
        #expect(try await code { try await corner.queue.setLimits() } == .invalidArgument)
        #expect(try await code { try await corner.queue.setLimits(tenant: "nobody") } == .unknownTenant)
        #expect(try await code { try await corner.queue.setLimits(key: 99_999) } == .notFound)
        #expect(
            try await code { try await corner.queue.setLimits(tenant: "default", requestsPerMinute: 0) }
                == .invalidArgument)
        #expect(
            try await code {
                _ = try await corner.queue.createKey(
                    tenant: "default", name: "x", prefix: "x", sha256: Array(repeating: 1, count: 32), scopes: ["all"])
            } == .invalidArgument)
    }
}
