import Postgres

/// How many jobs of a tenant wait for a model at one priority.
package struct QueueDepth: Sendable, Hashable {
    package var tenant: String
    package var model: String
    package var priority: Int16
    package var waiting: Int64
    /// How many of them are expected to end in a second; nil: never measured.
    package var perSecond: Double?
}

/// How many may wait; nil stands for every tenant, or every model.
package struct QueueBound: Sendable, Hashable {
    package var tenant: String?
    package var model: String?
    package var waiting: Int64

    package init(tenant: String? = nil, model: String? = nil, waiting: Int64) {
        self.tenant = tenant
        self.model = model
        self.waiting = waiting
    }
}

/// What is checked of a model's requests before they are queued; nil: nothing.
package struct ModelGuard: Sendable, Hashable {
    package var model: String
    package var bodyBytes: Int32?
    package var depth: Int32?
    package var promptCharacters: Int32?
    package var leastTokens: Int32
    package var mostTokens: Int32?
    /// `pass`, `strip` or `refuse`.
    package var controlCharacters: String
    /// `pass`, `strip` or `refuse`.
    package var unknownFields: String
    package var extraFields: [String]

    package init(
        model: String, bodyBytes: Int32? = nil, depth: Int32? = nil, promptCharacters: Int32? = nil,
        leastTokens: Int32 = 1, mostTokens: Int32? = nil, controlCharacters: String = "pass",
        unknownFields: String = "pass", extraFields: [String] = []
    ) {
        self.model = model
        self.bodyBytes = bodyBytes
        self.depth = depth
        self.promptCharacters = promptCharacters
        self.leastTokens = leastTokens
        self.mostTokens = mostTokens
        self.controlCharacters = controlCharacters
        self.unknownFields = unknownFields
        self.extraFields = extraFields
    }
}

extension Queue {
    private static let depthsStatement = Statement("queue_depths", "select * from sluice.queue_depths($1::int)")
    private static let boundsStatement = Statement("queue_bounds", "select * from sluice.queue_bounds()")
    private static let setGuardStatement = Statement(
        "set_guard",
        """
        select sluice.set_guard(
            $1::text, $2::int, $3::int, $4::int, $5::int, $6::int, $7::text, $8::text, $9::text[], $10::text)
        """)
    private static let setGuardMembersStatement = Statement(
        "set_guard_members",
        """
        select sluice.set_guard($1::text, (g.o ->> 'body_bytes_max')::int, (g.o ->> 'json_depth_max')::int,
            (g.o ->> 'prompt_characters_max')::int, coalesce((g.o ->> 'max_tokens_min')::int, 1),
            (g.o ->> 'max_tokens_max')::int, coalesce(g.o ->> 'control_characters', 'pass'),
            coalesce(g.o ->> 'unknown_fields', 'pass'),
            array(select jsonb_array_elements_text(coalesce(g.o -> 'extra_fields', '[]'))), $3::text)
        from (select $2::jsonb as o) g
        """)
    private static let setBoundStatement = Statement(
        "set_queue_bound", "select sluice.set_queue_bound($1::int, $2::text, $3::text, $4::text)")
    private static let guardsStatement = Statement("guards", "select * from sluice.guards()")

    /// How many jobs wait, as of no longer ago than `age` where counting does not take too much of the time.
    ///
    /// - Returns: the counts, and how old they are.
    package func depths(
        notOlderThan limit: Duration
    ) async throws(QueueError) -> (depths: [QueueDepth], age: Duration) {
        let rows = try await call(Self.depthsStatement) { $0.append(Int32(clamping: limit.wholeMilliseconds)) }
        return try decoding { () throws(PostgresError) in
            var found: [QueueDepth] = []
            var age: Int64 = 0
            for row in rows {
                age = try row.decode(5)
                guard let tenant: String = try row.decode(0) else { continue }
                found.append(
                    QueueDepth(
                        tenant: tenant, model: try row.decode(1), priority: try row.decode(2),
                        waiting: try row.decode(3), perSecond: try row.decode(4)))
            }
            return (found, .milliseconds(age))
        }
    }

    /// How many jobs may wait.
    package func bounds() async throws(QueueError) -> [QueueBound] {
        let rows = try await call(Self.boundsStatement)
        return try decoding { () throws(PostgresError) in
            var found: [QueueBound] = []
            for row in rows {
                found.append(
                    QueueBound(tenant: try row.decode(0), model: try row.decode(1), waiting: try row.decode(2)))
            }
            return found
        }
    }

    /// Sets how many jobs of `tenant` (nil: of each) may wait for `model` (nil: for each); nil removes the bound.
    ///
    /// - Returns: what was done, in a sentence.
    /// - Throws: `unknownModel`, `unknownTenant`, `invalidArgument`.
    @discardableResult package func setBound(
        _ waiting: Int32?, model: String? = nil, tenant: String? = nil, why: String? = nil
    ) async throws(QueueError) -> String {
        let rows = try await call(Self.setBoundStatement) {
            $0.append(waiting)
            $0.append(model)
            $0.append(tenant)
            $0.append(why)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Sets what is checked of a model's requests, in place of what was.
    ///
    /// - Returns: what was done, in a sentence.
    /// - Throws: `unknownModel`, `invalidArgument`.
    @discardableResult package func setGuard(_ model: ModelGuard, why: String? = nil) async throws(QueueError) -> String
    {
        let rows = try await call(Self.setGuardStatement) {
            $0.append(model.model)
            $0.append(model.bodyBytes)
            $0.append(model.depth)
            $0.append(model.promptCharacters)
            $0.append(model.leastTokens)
            $0.append(model.mostTokens)
            $0.append(model.controlCharacters)
            $0.append(model.unknownFields)
            $0.append(model.extraFields)
            $0.append(why)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Sets what is checked of the requests of `model`, in place of what was: a JSON object with the names of `sluice.guards`;
    /// what it does not name is not checked.
    ///
    /// - Throws: `unknownModel`, `invalidArgument`.
    package func setGuard(of model: String, _ members: [UInt8], why: String? = nil) async throws(QueueError) {
        _ = try await call(Self.setGuardMembersStatement) {
            $0.append(model)
            $0.append(JSONText(members))
            $0.append(why)
        }
    }

    /// The guards of models that have one.
    package func guards() async throws(QueueError) -> [ModelGuard] {
        let rows = try await call(Self.guardsStatement)
        return try decoding { () throws(PostgresError) in
            var found: [ModelGuard] = []
            for row in rows {
                found.append(
                    ModelGuard(
                        model: try row.decode(0), bodyBytes: try row.decode(1), depth: try row.decode(2),
                        promptCharacters: try row.decode(3), leastTokens: try row.decode(4),
                        mostTokens: try row.decode(5), controlCharacters: try row.decode(6),
                        unknownFields: try row.decode(7), extraFields: try row.decode(8)))
            }
            return found
        }
    }
}
