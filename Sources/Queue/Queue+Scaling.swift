internal import Domain
package import Postgres

/// A deployment whose number of workers is not fixed.
package struct ScaledDeployment: Sendable, Hashable {
    package var id: Int32
    package var name: String
    package var slots: Int32
    /// The row of `sluice.scaling`, a JSON object.
    package var rule: String
    /// The number in force.
    package var desired: Int32
    /// What the autoscaler before this one had learned, as JSON.
    package var memory: String?
    /// What the number in force came from, a word of the controller before this one; empty: nobody decided yet.
    package var cause: String
    /// Hosts that may have its workers.
    package var hosts: [String]

    /// The rule of a deployment, and no history.
    package init(
        id: Int32, name: String, slots: Int32, rule: String, desired: Int32, memory: String? = nil, cause: String = "",
        hosts: [String] = []
    ) {
        (self.id, self.name, self.slots) = (id, name, slots)
        (self.rule, self.desired, self.memory) = (rule, desired, memory)
        (self.cause, self.hosts) = (cause, hosts)
    }
}

/// What was seen of one deployment since the last look; times in milliseconds.
package struct ScalingLook: Sendable, Hashable {
    package var deployment: Int32
    package var arrivals: Int32
    /// Groups of waiting jobs that may scale, the oldest first: how long the oldest has waited.
    package var waitingAges: [Int64]
    /// How many each group has.
    package var waitingCounts: [Int32]
    package var waitingBatch: Int32
    package var running: Int32
    /// Of these, jobs that may not scale.
    package var runningBatch: Int32
    package var ready: Int32
    package var busy: Int32
    /// Ages of workers that start.
    package var startingAges: [Int64]
    /// How long starts took that ended well.
    package var starts: [Int64]
    package var startsFailed: Int32
    package var runTimes: [Int64]
    package var startedInTime: Int32
    package var startedLate: Int32
    /// When, since 1970, by the database's clock.
    package var taken: Int64
    /// The newest id of a job.
    package var lastJob: Int64
}

/// What the controller decided of one deployment.
package struct ScalingOrder: Sendable, Hashable {
    package var deployment: Int32
    package var workers: Int32
    /// Whether that is another number, which is a decision of its own.
    package var hasChanged: Bool
    /// The word of a `ScalingCause`.
    package var cause: String
    package var reason: String
    /// A JSON object of numbers.
    package var inputs: String
    /// JSON; nil: as it was.
    package var memory: String?

    package init(
        deployment: Int32, workers: Int32, hasChanged: Bool, cause: String, reason: String, inputs: String,
        memory: String?
    ) {
        self.deployment = deployment
        self.workers = workers
        self.hasChanged = hasChanged
        self.cause = cause
        self.reason = reason
        self.inputs = inputs
        self.memory = memory
    }
}

/// A host that may get workers.
package struct PlacedHost: Sendable, Hashable {
    package var name: String
    /// Nil: not counted.
    package var memory: Int64?
    package var memoryUsed: Int64
}

/// A slot of a worker, open or held.
package struct PlacedSlot: Sendable, Hashable {
    package var id: Int64
    package var deployment: String
    /// Who has it; nil: it is open.
    package var host: String?
    package var offeredTo: String?
    package var isGivingUp: Bool
    /// 0 when it is not counted.
    package var memory: Int64
    package var priority: Int32
    /// A word of `sluice.spread_rule`.
    package var spread: String
    /// Hosts that may have it.
    package var hosts: [String]
}

extension Queue {
    private static let scaledStatement = Statement(
        "scaled_deployments",
        """
        select deployment_id, deployment, slots, rule::text, desired, memory::text, cause, open_to
        from sluice.scaled_deployments()
        """)
    private static let lookStatement = Statement(
        "scaling_look", "select * from sluice.scaling_look($1::bigint, $2::bigint, $3::bigint)")
    private static let putStatement = Statement(
        "put_desired",
        """
        select sluice.put_desired($1::bigint, $2::int[], $3::int[], $4::boolean[], $5::text[], $6::text[], $7::text[]::jsonb[],
            $8::text[]::jsonb[])
        """)
    private static let hostsStatement = Statement(
        "placed_hosts", "select host, memory_bytes, memory_used from sluice.placed_hosts()")
    private static let slotsStatement = Statement(
        "placed_slots",
        """
        select slot, deployment, host, offered_to, giving_up, memory, priority, spread, open_to from sluice.placed_slots()
        """)
    private static let placeStatement = Statement(
        "place_slots", "select sluice.place_slots($1::bigint, $2::bigint[], $3::text[], $4::bigint[], $5::text[])")
    private static let queryStatement = Statement("run_query", "select sluice.run_query($1::text)")
    private static let timeoutStatement = Statement(
        "query_timeout", "select set_config('statement_timeout', $1::text, true)")

    /// Deployments whose number of workers is not fixed.
    package func scaledDeployments() async throws(QueueError) -> [ScaledDeployment] {
        let rows = try await call(Self.scaledStatement)
        return try decoding { () throws(PostgresError) in
            var found: [ScaledDeployment] = []
            for row in rows {
                found.append(
                    ScaledDeployment(
                        id: try row.decode(0), name: try row.decode(1), slots: try row.decode(2),
                        rule: try row.decode(3), desired: try row.decode(4), memory: try row.decode(5),
                        cause: try row.decode(6), hosts: try row.decode(7)))
            }
            return found
        }
    }

    /// What was seen of them since `since` (milliseconds since 1970, by the database's clock) and the job `last`.
    ///
    /// - Throws: `superseded`.
    package func scalingLook(
        epoch: Int64, since: Int64?, after last: Int64?
    ) async throws(QueueError) -> [ScalingLook] {
        let rows = try await call(Self.lookStatement) {
            $0.append(epoch)
            $0.append(since)
            $0.append(last)
        }
        return try decoding { () throws(PostgresError) in
            var found: [ScalingLook] = []
            for row in rows {
                found.append(
                    ScalingLook(
                        deployment: try row.decode(0), arrivals: try row.decode(1), waitingAges: try row.decode(2),
                        waitingCounts: try row.decode(3), waitingBatch: try row.decode(4), running: try row.decode(5),
                        runningBatch: try row.decode(6), ready: try row.decode(7), busy: try row.decode(8),
                        startingAges: try row.decode(9), starts: try row.decode(10), startsFailed: try row.decode(11),
                        runTimes: try row.decode(12), startedInTime: try row.decode(13),
                        startedLate: try row.decode(14), taken: try row.decode(15), lastJob: try row.decode(16)))
            }
            return found
        }
    }

    /// Writes what was decided, in one transaction.
    ///
    /// - Throws: `superseded`.
    package func putDesired(epoch: Int64, _ orders: [ScalingOrder]) async throws(QueueError) {
        _ = try await call(Self.putStatement) {
            $0.append(epoch)
            $0.append(orders.map(\.deployment))
            $0.append(orders.map(\.workers))
            $0.append(orders.map(\.hasChanged))
            $0.append(orders.map(\.cause))
            $0.append(orders.map(\.reason))
            $0.append(orders.map(\.inputs))
            $0.append(orders.map(\.memory))
        }
    }

    /// Hosts that may get workers.
    package func placedHosts() async throws(QueueError) -> [PlacedHost] {
        let rows = try await call(Self.hostsStatement)
        return try decoding { () throws(PostgresError) in
            var found: [PlacedHost] = []
            for row in rows {
                found.append(
                    PlacedHost(name: try row.decode(0), memory: try row.decode(1), memoryUsed: try row.decode(2)))
            }
            return found
        }
    }

    /// All slots.
    package func placedSlots() async throws(QueueError) -> [PlacedSlot] {
        let rows = try await call(Self.slotsStatement)
        return try decoding { () throws(PostgresError) in
            var found: [PlacedSlot] = []
            for row in rows {
                found.append(
                    PlacedSlot(
                        id: try row.decode(0), deployment: try row.decode(1), host: try row.decode(2),
                        offeredTo: try row.decode(3), isGivingUp: try row.decode(4), memory: try row.decode(5),
                        priority: try row.decode(6), spread: try row.decode(7), hosts: try row.decode(8)))
            }
            return found
        }
    }

    /// Offers open slots to hosts, and has hosts give slots up, each for its reason.
    ///
    /// - Throws: `superseded`.
    package func placeSlots(
        epoch: Int64, offers: [Int64: String], givenUp: [Int64: String]
    ) async throws(QueueError) {
        let (offers, givenUp) = (offers.sorted { $0.key < $1.key }, givenUp.sorted { $0.key < $1.key })
        _ = try await call(Self.placeStatement) {
            $0.append(epoch)
            $0.append(offers.map(\.key))
            $0.append(offers.map(\.value))
            $0.append(givenUp.map(\.key))
            $0.append(givenUp.map(\.value))
        }
    }

    /// The number an operator's query returns, read-only, as the role `sluice_scaler`, within `timeout`; nil for SQL's null.
    ///
    /// - Throws: what is wrong with the query.
    package static func number(of query: String, on connection: Connection, timeout: Duration) async throws -> Double? {
        try await connection.transaction { transaction in
            _ = try await transaction.query(timeoutStatement, "\(timeout.wholeMilliseconds)")
            return try await transaction.query(queryStatement, query)[0].decode(0, as: Double?.self)
        }
    }
}
