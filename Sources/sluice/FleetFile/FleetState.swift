import FleetFile
import Postgres
import Queue

/// The fleet as SQL holds it, in the form of a file, and the way from a file to SQL.
struct FleetState {
    private static let lock = Statement("lock_fleet", "select pg_advisory_xact_lock(7022, -1)")
    private static let models = Statement(
        "export_models",
        """
        select name, max_attempts::int, attempt_timeout_ms, retry_base_ms, retry_cap_ms, strategy::text
        from sluice.model order by name
        """)
    private static let policies = Statement(
        "export_policies",
        "select m.name, p.key, p.value::text from sluice.model m cross join lateral jsonb_each(m.policy) p")
    private static let deployments = Statement(
        "export_deployments",
        """
        select m.name, d.name, d.backend, d.config::text, d.workers, d.slots, d.version, d.weight, d.tier::int
        from sluice.deployment d join sluice.model m on m.id = d.model_id order by d.name
        """)

    private static let scaling = Statement(
        "export_scaling",
        """
        select m.name, d.name, r.key, r.value::text from sluice.deployment d join sluice.model m on m.id = d.model_id
        cross join lateral jsonb_each(sluice.scaling_of(d.name)) r
        """)

    /// A connection in a transaction, so that nothing changes between looking and changing.
    let connection: Connection

    /// Keeps other changes of models and deployments away until the transaction ends.
    func lock() async throws(PostgresError) { _ = try await connection.query(Self.lock) }

    /// Everything that is declared.
    func read() async throws(PostgresError) -> FleetDeclaration {
        var models: [FleetDeclaration.Model] = []
        for row in try await connection.query(Self.models) {
            let (name, attempts, timeout, base, cap, strategy) = try row.decode(
                (String, Int32, Int32, Int32, Int32, String).self)
            var model = FleetDeclaration.Model(name)
            (model.maximumAttempts, model.attemptTimeout) = (attempts, timeout)
            (model.retryBase, model.retryCap, model.strategy) = (base, cap, strategy)
            models.append(model)
        }
        let places = Dictionary(models.indices.map { (models[$0].name, $0) }) { $1 }
        for row in try await connection.query(Self.policies) {
            let (model, key, value) = try row.decode((String, String, String).self)
            if let place = places[model] { models[place].policy[key] = value }
        }
        for row in try await connection.query(Self.deployments) {
            let (model, name, backend, config, workers, slots, version, weight, tier) = try row.decode(
                (String, String, String, String, Int32, Int32, String, Int32, Int32).self)
            var deployment = FleetDeclaration.Deployment(name)
            (deployment.backend, deployment.configuration, deployment.version) = (backend, config, version)
            (deployment.workers, deployment.slots) = (workers, slots)
            (deployment.weight, deployment.tier) = (weight, tier)
            if let place = places[model] { models[place].deployments.append(deployment) }
        }
        for row in try await connection.query(Self.scaling) {
            let (model, deployment, key, value) = try row.decode((String, String, String, String).self)
            guard let place = places[model],
                let index = models[place].deployments.firstIndex(where: { $0.name == deployment })
            else { continue }
            models[place].deployments[index].scaling[key] = value
        }
        return FleetDeclaration(models: models)
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
        case .setPolicy(let model, let policy):
            _ = try await queue.perform(.setPolicy(model: model, policy: Array(policy.utf8)), why: why)
        }
    }
}
