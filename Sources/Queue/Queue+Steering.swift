internal import Domain
internal import Postgres

/// A model as its operators declared it, for the controller. What is nil has its default.
package struct SteeredModel: Sendable {
    package var id: Int32
    package var name: String
    /// A word of `sluice.routing_strategy`.
    package var strategy: String
    package var window: Duration?
    package var minimumSample: Int32?
    /// 0 to 100.
    package var errorPercent: Double?
    package var failuresInARow: Int32?
    package var open: Duration?
    package var openMaximum: Duration?
    package var forgiveness: Duration?
    /// Empty: the default.
    package var steps: [Int32]
    package var stepTime: Duration?
    package var stepSample: Int32?
    package var stepPatience: Duration?
    /// 0 to 100.
    package var panicPercent: Double?
    package var latencyObjective: Duration?
    /// Of its attempts, so many percent may be second ones for late jobs: 0 to 20; 0 or nil: none are.
    package var hedgePercent: Double?
    package var hedgeWait: Duration?
    package var hedgeSample: Int32?
}

/// A deployment as it is declared, as its workers are, and as the controller left it.
package struct SteeredDeployment: Sendable {
    package var model: Int32
    package var id: Int32
    package var name: String
    /// Changes with every change of its row.
    package var version: Int64
    /// A word of `sluice.deployment_state`.
    package var state: String
    package var stateReason: String
    /// An `int4multirange`.
    package var share: String
    package var rampPercent: Int16?
    package var stage: Int32
    package var weight: Int32
    package var tier: Int16
    /// Slots of its live workers.
    package var capacity: Int32
    /// Age of its freshest heartbeat; nil when it should have none.
    package var heartbeatAge: Duration?
    /// The largest part of its limit a worker uses; nil without limits.
    package var memory: Double?
    /// What its workers' backends say of themselves; nil when none said.
    package var isWell: Bool?
    /// Its health as it is written down.
    package var health: SteeredHealth
    /// Whether the job that was let through is gone without an outcome.
    package var isProbeLost: Bool
    /// A word of `sluice.restore_way`: an operator wants it back.
    package var restoreWanted: String?
    /// Whether it has workers, is to have some, or gets some when jobs ask for them.
    package var isManned: Bool
}

/// The health of a deployment as the controller writes it down.
package struct SteeredHealth: Sendable, Hashable {
    /// A word of `sluice.breaker_state`.
    package var breaker = "closed"
    /// For `open`: until when, since 1970.
    package var openUntil: Duration?
    /// For `ramping`.
    package var percent: Int32?
    package var openings: Int32 = 0
    /// Whether it is kept in service against its breaker.
    package var isKept = false
    /// 0 to 1.
    package var score = 1.0
    package var reason = ""
    /// Whether its workers are to ask their backends how they are.
    package var healthWanted = false

    /// A health without a blemish.
    package init() {}
}

/// The newest rollout of a model.
package struct SteeredRollout: Sendable {
    package var model: Int32
    package var id: Int32
    package var candidate: Int32
    package var baseline: Int32
    /// A word of `sluice.rollout_state`.
    package var state: String
    package var percent: Int32
    package var gates: [Int32]
    package var reason: String
    /// Whether a controller has taken it up.
    package var isSeen: Bool
}

/// What the controller decided of one model.
package struct SteeringOrders: Sendable {
    /// One for each deployment of the model.
    package struct Deployment: Sendable {
        package var id: Int32
        /// As it was read.
        package var version: Int64
        /// An `int4multirange`; nil: as it is.
        package var share: String?
        /// Percent of its ramp or rollout, 1 to 99; nil when it has its whole part.
        package var rampPercent: Int32?
        /// Whether what is claimed from now on is judged by itself.
        package var beginsStage: Bool
        package var health: SteeredHealth
        /// Whether one job may be claimed for it, whatever its share.
        package var wantsProbe: Bool

        /// Orders that leave everything as it is.
        package init(_ deployment: SteeredDeployment) {
            (id, version, health) = (deployment.id, deployment.version, deployment.health)
            (beginsStage, wantsProbe) = (false, false)
            rampPercent = deployment.rampPercent.map(Int32.init)
        }
    }

    /// A row of `sluice.decisions`.
    package struct Decision: Sendable {
        package var kind: String
        package var subject: String
        package var reason: String

        package init(kind: String, subject: String, reason: String) {
            (self.kind, self.subject, self.reason) = (kind, subject, reason)
        }
    }

    /// Where a rollout is now.
    package struct Rollout: Sendable, Hashable {
        package var id: Int32
        /// A word of `sluice.rollout_state`.
        package var state: String
        package var percent: Int32
        package var reason: String

        package init(id: Int32, state: String, percent: Int32, reason: String) {
            (self.id, self.state, self.percent, self.reason) = (id, state, percent, reason)
        }
    }

    package var model: Int32
    package var deployments: [Deployment] = []
    package var decisions: [Decision] = []
    /// Nil: there is none, or it is as it was.
    package var rollout: Rollout?

    /// No orders yet.
    package init(model: Int32) { self.model = model }
}

extension Queue {
    private static let takeStatement = Statement("take_samples", "select * from sluice.take_samples($1::bigint)")
    private static let modelsStatement = Statement("steered_models", "select * from sluice.steered_models()")
    private static let deploymentsStatement = Statement(
        "steered_deployments", "select * from sluice.steered_deployments()")
    private static let rolloutsStatement = Statement("steered_rollouts", "select * from sluice.steered_rollouts()")
    private static let steerStatement = Statement(
        "steer",
        """
        select sluice.steer($1::bigint, $2::int, $3::int[], $4::bigint[], $5::text[], $6::int[], $7::boolean[], $8::text[],
            $9::bigint[], $10::int[], $11::int[], $12::boolean[], $13::double precision[], $14::text[], $15::boolean[],
            $16::boolean[], $17::text[], $18::text[], $19::text[], $20::int, $21::text, $22::int, $23::text)
        """)
    private static let hedgeStatement = Statement(
        "hedge_late", "select sluice.hedge_late($1::bigint, $2::int, $3::bigint, $4::int)")
    private static let decidedStatement = Statement("decided", "select sluice.decided($1::bigint, $2::bigint)")

    /// Takes what workers told since the last call, at most 10,000 samples, by deployment and in their order; and the time
    /// before the look, since 1970, by the database's clock.
    ///
    /// - Throws: `superseded`.
    package func takeSamples(
        epoch: Int64
    ) async throws(QueueError) -> (samples: [(deployment: Int32, sample: AttemptSample)], taken: Duration) {
        let rows = try await call(Self.takeStatement) { $0.append(epoch) }
        return try decoding { () throws(PostgresError) in
            var samples: [(deployment: Int32, sample: AttemptSample)] = []
            var taken = Duration.zero
            for row in rows {
                if row.isNull(0) {
                    taken = .milliseconds(try row.decode(9, as: Int64.self))
                } else {
                    samples.append((try row.decode(0), try AttemptSample(row)))
                }
            }
            return (samples, taken)
        }
    }

    /// The models there are to be steered.
    package func steeredModels() async throws(QueueError) -> [SteeredModel] {
        try await list(Self.modelsStatement) { row throws(PostgresError) in try SteeredModel(row) }
    }

    /// All deployments, those of a model together.
    package func steeredDeployments() async throws(QueueError) -> [SteeredDeployment] {
        try await list(Self.deploymentsStatement) { row throws(PostgresError) in try SteeredDeployment(row) }
    }

    /// The newest rollout of each model that ever had one.
    package func steeredRollouts() async throws(QueueError) -> [SteeredRollout] {
        try await list(Self.rolloutsStatement) { row throws(PostgresError) in
            let percent: Int16 = try row.decode(5)
            return SteeredRollout(
                model: try row.decode(0), id: try row.decode(1), candidate: try row.decode(2),
                baseline: try row.decode(3), state: try row.decode(4), percent: Int32(percent),
                gates: try row.decode(6), reason: try row.decode(7), isSeen: try row.decode(8))
        }
    }

    /// Begins a second attempt for up to `limit` jobs of `model` that a worker has held for `time`, and returns how many it
    /// began.
    ///
    /// - Throws: `superseded`.
    package func hedge(
        epoch: Int64, model: Int32, heldFor time: Duration, limit: Int
    ) async throws(QueueError) -> Int32 {
        let rows = try await call(Self.hedgeStatement) {
            $0.append(epoch)
            $0.append(model)
            $0.append(time.wholeMilliseconds)
            $0.append(Int32(clamping: limit))
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Writes orders, in one transaction.
    ///
    /// - Returns: false when a deployment has changed since it was read: then nothing was written.
    /// - Throws: `superseded`; `locked` when an operator's transaction keeps the model locked.
    package func steer(epoch: Int64, _ orders: SteeringOrders) async throws(QueueError) -> Bool {
        let rows = try await call(Self.steerStatement) {
            let deployments = orders.deployments
            $0.append(epoch)
            $0.append(orders.model)
            $0.append(deployments.map(\.id))
            $0.append(deployments.map(\.version))
            $0.append(deployments.map(\.share))
            $0.append(deployments.map(\.rampPercent))
            $0.append(deployments.map(\.beginsStage))
            $0.append(deployments.map(\.health.breaker))
            $0.append(deployments.map { $0.health.openUntil.map { Int64($0.wholeMilliseconds) } })
            $0.append(deployments.map(\.health.percent))
            $0.append(deployments.map(\.health.openings))
            $0.append(deployments.map(\.health.isKept))
            $0.append(deployments.map(\.health.score))
            $0.append(deployments.map(\.health.reason))
            $0.append(deployments.map(\.wantsProbe))
            $0.append(deployments.map(\.health.healthWanted))
            $0.append(orders.decisions.map(\.kind))
            $0.append(orders.decisions.map(\.subject))
            $0.append(orders.decisions.map(\.reason))
            $0.append(orders.rollout?.id)
            $0.append(orders.rollout?.state)
            $0.append(orders.rollout?.percent)
            $0.append(orders.rollout?.reason)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Everything that follows from the samples taken at `taken` is written.
    ///
    /// - Throws: `superseded`.
    package func decided(epoch: Int64, taken: Duration) async throws(QueueError) {
        _ = try await call(Self.decidedStatement) {
            $0.append(epoch)
            $0.append(Int64(taken.wholeMilliseconds))
        }
    }

    private func list<Element>(
        _ statement: Statement, _ body: (Row) throws(PostgresError) -> Element
    ) async throws(QueueError) -> [Element] {
        let rows = try await call(statement)
        return try decoding { () throws(PostgresError) in
            var found: [Element] = []
            for row in rows { found.append(try body(row)) }
            return found
        }
    }
}

extension AttemptSample {
    fileprivate init(_ row: Row) throws(PostgresError) {
        self.init(stage: try row.decode(1))
        succeeded = try row.decode(2)
        let classes: [String] = try row.decode(3)
        let counts: [Int32] = try row.decode(4)
        for (word, count) in zip(classes, counts) {
            // A class that is newer than this program speaks against nobody it knows.
            if let errorClass = ErrorClass(rawValue: word) { failed[errorClass, default: 0] += count }
        }
        run = try row.decode(5)
        latencyBins = try row.decode(6)
        latencyCounts = try row.decode(7)
        let rest: Int64? = try row.decode(8)
        retryAfter = rest.map { .milliseconds($0) }
    }
}

extension SteeredModel {
    fileprivate init(_ row: Row) throws(PostgresError) {
        func time(_ column: Int) throws(PostgresError) -> Duration? {
            let milliseconds: Int32? = try row.decode(column)
            return milliseconds.map { .milliseconds($0) }
        }
        self.init(
            id: try row.decode(0), name: try row.decode(1), strategy: try row.decode(2), window: try time(3),
            minimumSample: try row.decode(4), errorPercent: try row.decode(5), failuresInARow: try row.decode(6),
            open: try time(7), openMaximum: try time(8), forgiveness: try time(9), steps: try row.decode(10),
            stepTime: try time(11), stepSample: try row.decode(12), stepPatience: try time(13),
            panicPercent: try row.decode(14), latencyObjective: try time(15), hedgePercent: try row.decode(16),
            hedgeWait: try time(17), hedgeSample: try row.decode(18))
    }
}

extension SteeredDeployment {
    fileprivate init(_ row: Row) throws(PostgresError) {
        var health = SteeredHealth()
        let age: Int64? = try row.decode(12)
        let openUntil: Int64? = try row.decode(16)
        let percent: Int16? = try row.decode(17)
        health.breaker = try row.decode(15)
        health.openUntil = openUntil.map { .milliseconds($0) }
        health.percent = percent.map(Int32.init)
        health.openings = try row.decode(18)
        health.isKept = try row.decode(19)
        health.score = try row.decode(20)
        health.reason = try row.decode(21)
        health.healthWanted = try row.decode(23)
        self.init(
            model: try row.decode(0), id: try row.decode(1), name: try row.decode(2), version: try row.decode(3),
            state: try row.decode(4), stateReason: try row.decode(5), share: try row.decode(6),
            rampPercent: try row.decode(7), stage: try row.decode(8), weight: try row.decode(9),
            tier: try row.decode(10), capacity: try row.decode(11), heartbeatAge: age.map { .milliseconds(max(0, $0)) },
            memory: try row.decode(13), isWell: try row.decode(14), health: health, isProbeLost: try row.decode(22),
            restoreWanted: try row.decode(24), isManned: try row.decode(25))
    }
}
