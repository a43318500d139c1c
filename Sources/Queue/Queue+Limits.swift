package import Postgres

/// Whose key it is, and what it may do.
package struct KeyOwner: Sendable, Hashable {
    package var key: Int32
    package var tenant: String
    package var scopes: [String]
    /// For how long it is let in; nil: for good.
    package var expiresIn: Duration?
    /// The limits of its line of rotations.
    package var keyLimit: LimitSetting?
    package var tenantLimit: LimitSetting?
}

/// What a key or a tenant may ask of all gateways together; nil: as much as it likes.
package struct LimitSetting: Sendable, Hashable {
    /// Its number, by which grants are asked for.
    package var id: Int32
    package var requestsPerMinute: Int32?
    package var tokensPerMinute: Int64?
    package var concurrency: Int32?

    package init(id: Int32, requestsPerMinute: Int32? = nil, tokensPerMinute: Int64? = nil, concurrency: Int32? = nil) {
        self.id = id
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrency = concurrency
    }
}

/// What a gateway wants of one limit.
package struct GrantRequest: Sendable, Hashable {
    package var limit: Int32
    package var requests: Int32
    package var requestsBack: Int32
    package var tokens: Int64
    /// Below zero: what was used beyond what was granted.
    package var tokensBack: Int64
    /// How many to hold from now on.
    package var slots: Int32

    package init(
        limit: Int32, requests: Int32 = 0, requestsBack: Int32 = 0, tokens: Int64 = 0, tokensBack: Int64 = 0,
        slots: Int32 = 0
    ) {
        self.limit = limit
        self.requests = requests
        self.requestsBack = requestsBack
        self.tokens = tokens
        self.tokensBack = tokensBack
        self.slots = slots
    }
}

/// What it got.
package struct GrantAnswer: Sendable, Hashable {
    package var requests: Int32
    package var tokens: Int64
    package var slots: Int32
    /// What is left in the buckets; nil: no such limit.
    package var requestsLeft: Double?
    package var tokensLeft: Double?
    /// As it is now.
    package var setting: LimitSetting
}

extension Queue {
    private static let findKeyStatement = Statement("find_key", "select * from sluice.find_key($1::bytea)")
    private static let rotateKeyStatement = Statement(
        "rotate_key",
        "select sluice.rotate_key($1::int, $2::text, $3::bytea, $4::bigint * interval '1 ms', $5::timestamptz)")
    private static let setLimitsStatement = Statement(
        "set_limits", "select sluice.set_limits($1::text, $2::int, $3::int, $4::bigint, $5::int, $6::text)")
    private static let limitsOfStatement = Statement(
        "limits_of", "select * from sluice.limits_of($1::text, $2::int)")
    private static let takeGrantsStatement = Statement(
        "take_grants",
        """
        select * from sluice.take_grants($1::bigint, $2::int[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::int[])
        """)

    /// Whose key this is; nil: nobody's, or it was revoked or has expired.
    package func owner(ofKey sha256: [UInt8]) async throws(QueueError) -> KeyOwner? {
        let rows = try await call(Self.findKeyStatement) { $0.append(sha256) }
        return try decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            let expiry: Int64? = try row.decode(3)
            return KeyOwner(
                key: try row.decode(0), tenant: try row.decode(1), scopes: try row.decode(2),
                expiresIn: expiry.map { .milliseconds($0) }, keyLimit: try LimitSetting(row, from: 4),
                tenantLimit: try LimitSetting(row, from: 8))
        }
    }

    /// Makes a key that takes the place of `id`, which is let in for `overlap` more, and returns its id.
    ///
    /// - Throws: `notFound`; `invalidArgument` when that key is not let in any more.
    package func rotateKey(
        _ id: Int32, prefix: String, sha256: [UInt8], overlap: Duration, expiresAt: Timestamp? = nil
    ) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.rotateKeyStatement) {
            $0.append(id)
            $0.append(prefix)
            $0.append(sha256)
            $0.append(Int64(overlap.wholeMilliseconds))
            $0.append(expiresAt)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Sets what a tenant, or a key and those it was rotated from and to, may ask for; nil: as much as it likes.
    ///
    /// - Returns: what was done, in a sentence.
    /// - Throws: `unknownTenant`, `notFound`, `invalidArgument`.
    @discardableResult package func setLimits(
        tenant: String? = nil, key: Int32? = nil, requestsPerMinute: Int32? = nil, tokensPerMinute: Int64? = nil,
        concurrency: Int32? = nil, why: String? = nil
    ) async throws(QueueError) -> String {
        let rows = try await call(Self.setLimitsStatement) {
            $0.append(tenant)
            $0.append(key)
            $0.append(requestsPerMinute)
            $0.append(tokensPerMinute)
            $0.append(concurrency)
            $0.append(why)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// The limits of a tenant, and of a key's line of rotations.
    package func limits(of tenant: String, key: Int32?) async throws(QueueError) -> [LimitSetting] {
        let rows = try await call(Self.limitsOfStatement) {
            $0.append(tenant)
            $0.append(key)
        }
        return try decoding { () throws(PostgresError) in
            var found: [LimitSetting] = []
            for row in rows { if let limit = try LimitSetting(row, from: 0) { found.append(limit) } }
            return found
        }
    }

    /// Takes from limits, and gives back, on behalf of `gateway`; limits that are gone have no answer. At most 1,000.
    package func takeGrants(
        gateway: Int64, _ requests: [GrantRequest]
    ) async throws(QueueError) -> [GrantAnswer] {
        let rows = try await call(Self.takeGrantsStatement) {
            $0.append(gateway)
            $0.append(requests.map(\.limit))
            $0.append(requests.map(\.requests))
            $0.append(requests.map(\.requestsBack))
            $0.append(requests.map(\.tokens))
            $0.append(requests.map(\.tokensBack))
            $0.append(requests.map(\.slots))
        }
        return try decoding { () throws(PostgresError) in
            var answers: [GrantAnswer] = []
            for row in rows {
                answers.append(
                    GrantAnswer(
                        requests: try row.decode(1), tokens: try row.decode(2), slots: try row.decode(3),
                        requestsLeft: try row.decode(4), tokensLeft: try row.decode(5),
                        setting: LimitSetting(
                            id: try row.decode(0), requestsPerMinute: try row.decode(6),
                            tokensPerMinute: try row.decode(7), concurrency: try row.decode(8))))
            }
            return answers
        }
    }
}

extension LimitSetting {
    /// The setting in four columns; nil when there is none.
    fileprivate init?(_ row: Row, from column: Int) throws(PostgresError) {
        guard let id: Int32 = try row.decode(column) else { return nil }
        self.init(
            id: id, requestsPerMinute: try row.decode(column + 1), tokensPerMinute: try row.decode(column + 2),
            concurrency: try row.decode(column + 3))
    }
}
