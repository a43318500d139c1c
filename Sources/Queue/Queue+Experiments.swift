internal import Postgres

/// An experiment as SQL has it.
package struct ExperimentListing: Sendable {
    /// What it is to show; nil is the default.
    package struct Plan: Sendable {
        /// A word of the metrics.
        package var primary: String?
        /// Metrics with how much worse they may get, as a part of the control's mean.
        package var guardrails: [(metric: String, tolerance: Double)]
        package var alpha: Double?
        package var minimumSample: Int32?
        package var targetSample: Int32?
        package var indifference: Double?
        package var mismatchLimit: Double?
        /// As it was given, UTF-8 JSON.
        package var declared: [UInt8]
    }

    /// A side of it.
    package struct Arm: Sendable {
        package var name: String
        /// Of 10,000.
        package var buckets: Int32
        package var isShadow: Bool
        /// What was last made of it beside the control.
        package var verdict: String
        package var sentence: String
        /// As `sluice.start_experiment` takes it, UTF-8 JSON.
        package var declared: [UInt8]
    }

    package var id: Int32
    package var name: String
    package var model: String
    /// `running` or `stopped`.
    package var state: String
    /// `job` or `tenant`.
    package var unit: String
    package var salt: String
    package var reason: String
    /// Milliseconds since 1970.
    package var startedAt: Int64
    /// Milliseconds since 1970.
    package var stoppedAt: Int64?
    /// Whether jobs of it may be under way.
    package var isOpen: Bool
    package var plan: Plan
}

/// A metric of an arm, over its units.
package struct ArmFigure: Sendable {
    package var arm: String
    /// The units that got the arm.
    package var exposures: Int64
    /// A word of the metrics.
    package var metric: String
    /// The units that have it.
    package var units: Int64
    package var sum: Double
    package var sumOfSquares: Double
}

extension Queue {
    private static let listStatement = Statement("experiments", "select * from sluice.reported_experiments()")
    private static let armsStatement = Statement("experiment_arms", "select * from sluice.reported_arms($1::int)")
    private static let talliesStatement = Statement(
        "experiment_tallies", "select * from sluice.experiment_tallies($1::int)")
    private static let reportStatement = Statement(
        "put_report", "select sluice.put_report($1::int, $2::text[], $3::text[], $4::text[])")
    private static let scoreStatement = Statement("score", "select sluice.score($1::bigint, $2::double precision)")

    /// Experiments, those that run first, then the newest; at most 1,000.
    package func experiments() async throws(QueueError) -> [ExperimentListing] {
        let rows = try await call(Self.listStatement)
        return try decoding { () throws(PostgresError) in
            var found: [ExperimentListing] = []
            for row in rows { found.append(try ExperimentListing(row)) }
            return found
        }
    }

    /// The arms of an experiment, in their order.
    package func arms(ofExperiment id: Int32) async throws(QueueError) -> [ExperimentListing.Arm] {
        let rows = try await call(Self.armsStatement) { $0.append(id) }
        return try decoding { () throws(PostgresError) in
            var found: [ExperimentListing.Arm] = []
            for row in rows {
                let declared: JSONText = try row.decode(5)
                found.append(
                    ExperimentListing.Arm(
                        name: try row.decode(0), buckets: try row.decode(1), isShadow: try row.decode(2),
                        verdict: try row.decode(3), sentence: try row.decode(4), declared: declared.utf8))
            }
            return found
        }
    }

    /// What the arms of an experiment brought so far. Reads every exposure of it.
    package func figures(ofExperiment id: Int32) async throws(QueueError) -> [ArmFigure] {
        let rows = try await call(Self.talliesStatement) { $0.append(id) }
        return try decoding { () throws(PostgresError) in
            var found: [ArmFigure] = []
            for row in rows {
                found.append(
                    ArmFigure(
                        arm: try row.decode(0), exposures: try row.decode(1), metric: try row.decode(2),
                        units: try row.decode(3), sum: try row.decode(4), sumOfSquares: try row.decode(5)))
            }
            return found
        }
    }

    /// Records what is made of the arms now: words of the verdicts, and a sentence each.
    package func putReport(
        experiment: Int32, _ verdicts: [(arm: String, verdict: String, sentence: String)]
    ) async throws(QueueError) {
        _ = try await call(Self.reportStatement) {
            $0.append(experiment)
            $0.append(verdicts.map(\.arm))
            $0.append(verdicts.map(\.verdict))
            $0.append(verdicts.map(\.sentence))
        }
    }

    /// Records what a user gives the answer of `job`; the last word counts.
    ///
    /// - Parameter value: -1,000,000 to 1,000,000.
    /// - Throws: `notFound`; `busy` when there is no answer; `invalidArgument`.
    package func score(_ job: Int64, _ value: Double) async throws(QueueError) {
        _ = try await call(Self.scoreStatement) {
            $0.append(job)
            $0.append(value)
        }
    }
}

extension ExperimentListing {
    fileprivate init(_ row: Row) throws(PostgresError) {
        let (metrics, tolerances): ([String], [Double]) = (try row.decode(12), try row.decode(13))
        let declared: JSONText = try row.decode(10)
        let plan = Plan(
            primary: try row.decode(11), guardrails: zip(metrics, tolerances).map { ($0, $1) },
            alpha: try row.decode(14), minimumSample: try row.decode(15), targetSample: try row.decode(16),
            indifference: try row.decode(17), mismatchLimit: try row.decode(18), declared: declared.utf8)
        self.init(
            id: try row.decode(0), name: try row.decode(1), model: try row.decode(2), state: try row.decode(3),
            unit: try row.decode(4), salt: try row.decode(5), reason: try row.decode(6), startedAt: try row.decode(7),
            stoppedAt: try row.decode(8), isOpen: try row.decode(9), plan: plan)
    }
}
