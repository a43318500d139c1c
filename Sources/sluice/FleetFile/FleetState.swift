import FleetFile
import Postgres
import Queue

/// The fleet as SQL holds it, in the form of a file, and the way from a file to SQL.
struct FleetState {
    private static let lock = Statement("lock_fleet", "select pg_advisory_xact_lock(7022, -1)")
    private static let models = Statement(
        "export_models",
        """
        select m.name, m.max_attempts::int, m.attempt_timeout_ms, m.retry_base_ms, m.retry_cap_ms, m.strategy::text,
            array(select o.name from unnest(m.fallbacks) with ordinality f(id, place)
                join sluice.model o on o.id = f.id order by f.place)
        from sluice.model m order by m.name
        """)
    private static let policies = Statement(
        "export_policies",
        "select m.name, p.key, p.value::text from sluice.model m cross join lateral jsonb_each(m.policy) p")
    private static let guards = Statement(
        "export_guards",
        """
        select g.model, e.key, e.value::text from sluice.guards() g
        cross join lateral jsonb_each(jsonb_strip_nulls(to_jsonb(g) - 'model')) e
        """)
    private static let bounds = Statement(
        "export_bounds",
        "select b.model, b.waiting::int from sluice.queue_bounds() b where b.tenant is null and b.model is not null")
    private static let deployments = Statement(
        "export_deployments",
        """
        select m.name, d.name, d.backend, d.config::text, d.workers, d.slots, d.version, d.weight, d.tier::int,
            d.concurrency::text, d.requests_per_minute::text, d.tokens_per_minute::text
        from sluice.deployment d join sluice.model m on m.id = d.model_id order by d.name
        """)

    private static let scaling = Statement(
        "export_scaling",
        """
        select m.name, d.name, r.key, r.value::text from sluice.deployment d join sluice.model m on m.id = d.model_id
        cross join lateral jsonb_each(sluice.scaling_of(d.name)) r
        """)

    private static let experiments = Statement(
        "export_experiments",
        """
        select e.name, e.model, e.unit, e.salt, e.plan::text,
            (select json_agg(a.declared) from sluice.reported_arms(e.id) a)::text, e.state
        from sluice.reported_experiments() e order by e.name
        """)

    /// A connection in a transaction, so that nothing changes between looking and changing.
    let connection: Connection

    /// Keeps other changes of models and deployments away until the transaction ends.
    func lock() async throws(PostgresError) { _ = try await connection.query(Self.lock) }

    /// Everything that is declared.
    func read() async throws(PostgresError) -> FleetDeclaration {
        var models: [FleetDeclaration.Model] = []
        for row in try await connection.query(Self.models) {
            let (name, attempts, timeout, base, cap, strategy, fallbacks) = try row.decode(
                (String, Int32, Int32, Int32, Int32, String, [String]).self)
            var model = FleetDeclaration.Model(name)
            (model.maximumAttempts, model.attemptTimeout) = (attempts, timeout)
            (model.retryBase, model.retryCap, model.strategy) = (base, cap, strategy)
            model.fallbacks = fallbacks
            models.append(model)
        }
        let places = Dictionary(models.indices.map { (models[$0].name, $0) }) { $1 }
        for row in try await connection.query(Self.policies) {
            let (model, key, value) = try row.decode((String, String, String).self)
            if let place = places[model] { models[place].policy[key] = value }
        }
        for row in try await connection.query(Self.guards) {
            let (model, key, value) = try row.decode((String, String, String).self)
            if let place = places[model] { models[place].inputGuard[key] = value }
        }
        for row in try await connection.query(Self.bounds) {
            let (model, waiting) = try row.decode((String, Int32).self)
            if let place = places[model] { models[place].waiting = .most(waiting) }
        }
        for row in try await connection.query(Self.deployments) {
            let (model, name, backend, config, workers, slots, version, weight, tier, concurrency, requests, tokens) =
                try row.decode(
                    (
                        String, String, String, String, Int32, Int32, String, Int32, Int32, String?, String?, String?
                    ).self)
            var deployment = FleetDeclaration.Deployment(name)
            (deployment.backend, deployment.configuration, deployment.version) = (backend, config, version)
            (deployment.workers, deployment.slots) = (workers, slots)
            (deployment.weight, deployment.tier) = (weight, tier)
            deployment.limits["concurrency"] = concurrency
            deployment.limits["requests_per_minute"] = requests
            deployment.limits["tokens_per_minute"] = tokens
            if let place = places[model] { models[place].deployments.append(deployment) }
        }
        for row in try await connection.query(Self.scaling) {
            let (model, deployment, key, value) = try row.decode((String, String, String, String).self)
            guard let place = places[model],
                let index = models[place].deployments.firstIndex(where: { $0.name == deployment })
            else { continue }
            models[place].deployments[index].scaling[key] = value
        }
        return FleetDeclaration(models: models, experiments: try await readExperiments())
    }

    /// The experiments there were, and the one of each model that is running.
    private func readExperiments() async throws(PostgresError) -> [FleetDeclaration.Experiment] {
        var found: [FleetDeclaration.Experiment] = []
        for row in try await connection.query(Self.experiments) {
            let (name, model, unit, salt, plan, arms, state) = try row.decode(
                (String, String, String, String, String, String, String).self)
            var experiment = FleetDeclaration.Experiment(name)
            (experiment.model, experiment.unit, experiment.salt) = (model, unit, salt)
            (experiment.plan, experiment.arms, experiment.state) = (plan, arms, state)
            found.append(experiment)
        }
        return found
    }

    /// Does `step` by the function an operator would call.
    func perform(_ step: FleetPlan.Step, why: String?) async throws(QueueError) {
        let queue = Queue(connection)
        switch step {
        case .putModel(let model):
            let base = model.retryBase ?? 1_000
            try await queue.putModel(
                model.name, maximumAttempts: model.maximumAttempts ?? 5,
                attemptTimeout: .milliseconds(model.attemptTimeout ?? 600_000), retryBase: .milliseconds(base),
                retryCap: .milliseconds(model.retryCap ?? max(300_000, base)), why: why)
        case .putDeployment(let deployment, let model):
            var request = DeploymentRequest(model: model, name: deployment.name, backend: deployment.backend ?? "")
            if let configuration = deployment.configuration { request.configuration = Array(configuration.utf8) }
            if let workers = deployment.workers { request.workers = workers }
            if let slots = deployment.slots { request.slots = slots }
            if let version = deployment.version { request.version = version }
            try await queue.putDeployment(request, why: why)
        case .setTier(let deployment, let tier):
            _ = try await queue.perform(.setTier(deployment, tier: tier), why: why)
        case .setScaling(let deployment, let rule):
            _ = try await queue.perform(.scaleBy(deployment, slots: nil, rule: Array(rule.utf8)), why: why)
        case .setWeights(let model, let weights):
            let object = weights.sorted { $0.key < $1.key }.map { "\(FleetFile.quoted($0.key)): \($0.value)" }
            _ = try await queue.perform(
                .setWeights(model: model, weights: Array("{\(object.joined(separator: ", "))}".utf8)), why: why)
        case .setStrategy(let model, let strategy):
            _ = try await queue.perform(.setStrategy(model: model, strategy: strategy), why: why)
        case .setFallbacks(let model, let fallbacks):
            _ = try await queue.perform(.setFallbacks(model: model, fallbacks), why: why)
        case .setDeploymentLimits(let deployment, let limits):
            _ = try await queue.perform(.setDeploymentLimits(deployment, limits: Array(limits.utf8)), why: why)
        case .setGuard(let model, let bounds):
            let object = bounds.sorted { $0.key < $1.key }.map { "\(FleetFile.quoted($0.key)): \($0.value)" }
            try await queue.setGuard(of: model, Array("{\(object.joined(separator: ", "))}".utf8), why: why)
        case .setWaiting(let model, let bound):
            if case .most(let waiting) = bound {
                try await queue.setBound(waiting, model: model, why: why)
            } else {
                try await queue.setBound(nil, model: model, why: why)
            }
        case .stopExperiment(let name):
            _ = try await queue.perform(.stopExperiment(name), why: why)
        case .startExperiment(let experiment):
            var request = FleetVerb.ExperimentRequest(
                experiment.name, model: experiment.model ?? "", arms: Array((experiment.arms ?? "[]").utf8))
            if let unit = experiment.unit { request.unit = unit }
            if let plan = experiment.plan { request.plan = Array(plan.utf8) }
            request.salt = experiment.salt
            _ = try await queue.perform(.startExperiment(request), why: why)
        case .setPolicy(let model, let policy):
            _ = try await queue.perform(.setPolicy(model: model, policy: Array(policy.utf8)), why: why)
        }
    }
}
