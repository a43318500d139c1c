import Fleet
import FoundationEssentials
import Postgres
import Queue
import Simulation
import Supervisor
import Terminal

/// What a deployment is today: the rule that scales it, its slots, and how long its workers' starts took.
struct DeploymentInForce {
    /// Without a rule, where the number is fixed: just that number.
    let rule: ScalingRule
    /// Whether the number is fixed.
    let isFixed: Bool
    /// The starts of its workers; nil when none has ended.
    let coldStart: Spread?

    private static let statement = Statement(
        "deployment_in_force",
        """
        select d.id, d.workers, d.slots, (
                select to_jsonb(s)::text from sluice.scaling s where s.deployment_id = d.id and s.min_workers is not null),
            (select percentile_cont(0.5) within group (order by c.p50_seconds)::float8
                from sluice.cold_starts c where c.deployment = d.name),
            (select percentile_cont(0.5) within group (order by c.p90_seconds)::float8
                from sluice.cold_starts c where c.deployment = d.name)
        from sluice.deployment d where d.name = $1::text
        """)
    /// The upper tenth of the standard normal distribution begins here.
    private static let upperTenth = 1.281_551_565_5

    /// Reads it.
    ///
    /// - Throws: `PostgresError`; `CommandFailure` when there is no such deployment, or its rule cannot be replayed.
    static func read(_ deployment: String, _ connection: Connection) async throws -> DeploymentInForce {
        guard let row = try await connection.query(statement, deployment).first else {
            throw CommandFailure(.usage, "There is no deployment \(deployment).", fix: "See `sluice status`.")
        }
        let (id, workers, slots, declared, median, late) = try row.decode(
            (Int32, Int32, Int32, String?, Double?, Double?).self)
        var coldStart: Spread?
        if let median, median > 0 {
            // Lognormal, through the two quantiles.
            let sigma = max(0, (late ?? median) / median).logarithm / upperTenth
            coldStart = Spread(median: median, sigma: min(max(0, sigma), 3))
        }
        guard let declared else {
            var rule = ScalingRule()
            (rule.minWorkers, rule.maxWorkers, rule.slots) = (Int(workers), Int(workers), Int(slots))
            return DeploymentInForce(rule: rule, isFixed: true, coldStart: coldStart)
        }
        do {
            let rule = try DeclaredScaling(
                ScaledDeployment(id: id, name: deployment, slots: slots, rule: declared, desired: workers)
            ).rule
            if case .query = rule.scaler {
                throw CommandFailure(
                    .usage, "A rule with the scaler sql cannot be replayed: what it follows is not in the history.")
            }
            return DeploymentInForce(rule: rule, isFixed: false, coldStart: coldStart)
        } catch let error as DeclaredScaling.Unreadable {
            throw CommandFailure(.dataInvalid, error.description)
        }
    }
}
