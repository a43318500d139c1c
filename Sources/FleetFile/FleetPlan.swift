/// What has to be done so that a fleet becomes what is declared. Pure.
///
/// What the declaration does not name stays as it is.
package struct FleetPlan: Sendable, Hashable {
    /// One thing that will be different.
    package struct Change: Sendable, Hashable {
        /// "model chat" or "deployment local-v1".
        package var subject: String
        /// The key in the file; nil: all of it is new.
        package var key: String?
        /// Nil: nothing was said.
        package var before: String?
        package var after: String

        /// One line for people.
        package var sentence: String {
            guard let key else { return "\(subject): new, \(after)" }
            return "\(subject): \(key) \(before ?? "unset") → \(after)"
        }
    }

    /// One call of SQL.
    package enum Step: Sendable, Hashable {
        /// With every limit there is.
        case putModel(FleetDeclaration.Model)
        /// With everything `sluice.put_deployment` takes.
        case putDeployment(FleetDeclaration.Deployment, model: String)
        case setTier(deployment: String, Int32)
        /// A JSON object.
        case setScaling(deployment: String, String)
        case setWeights(model: String, [String: Int32])
        case setStrategy(model: String, String)
        /// A JSON object.
        case setPolicy(model: String, String)
        case setFallbacks(model: String, [String])
        /// Everything a guard has, as JSON values by name.
        case setGuard(model: String, [String: String])
        case setWaiting(model: String, FleetDeclaration.Model.Bound)
        /// A JSON object.
        case setDeploymentLimits(deployment: String, String)
        case stopExperiment(String)
        /// With a model and arms.
        case startExperiment(FleetDeclaration.Experiment)
    }

    /// For people, in the order of the file.
    package private(set) var changes: [Change] = []
    /// In the order in which they are to be done, in one transaction.
    package private(set) var steps: [Step] = []

    /// The way from `current`, which says everything, to `declared`.
    ///
    /// - Throws: `FleetFileError` for deployments that are new and name no backend, or belong to another model, and for
    ///   models whose deployments would have no weight at all.
    package init(from current: FleetDeclaration, to declared: FleetDeclaration) throws(FleetFileError) {
        let models = Dictionary(current.models.map { ($0.name, $0) }) { $1 }
        var owners: [String: String] = [:]
        for model in current.models { for deployment in model.deployments { owners[deployment.name] = model.name } }
        var problems: [FleetFileError.Problem] = []
        for model in declared.models {
            for deployment in model.deployments {
                if let owner = owners[deployment.name], owner != model.name {
                    problems.append(
                        .init(
                            line: deployment.line,
                            message:
                                "Deployment \"\(deployment.name)\" belongs to model \"\(owner)\"; give it another name."
                        ))
                } else if owners[deployment.name] == nil, deployment.backend == nil {
                    problems.append(
                        .init(
                            line: deployment.line,
                            message:
                                "Deployment \"\(deployment.name)\" is new: say its backend, such as `backend: mock`."))
                }
            }
            plan(model, from: models[model.name], &problems)
        }
        let known = Set(current.models.map(\.name) + declared.models.map(\.name))
        // When every model is there.
        for model in declared.models {
            plan(model.fallbacks, of: model, from: models[model.name]?.fallbacks ?? [], known, &problems)
        }
        plan(declared.experiments, from: current.experiments, of: known, &problems)
        guard problems.isEmpty else { throw FleetFileError(problems: problems.sorted { $0.line < $1.line }) }
    }

    private mutating func plan(
        _ declared: FleetDeclaration.Model, from current: FleetDeclaration.Model?,
        _ problems: inout [FleetFileError.Problem]
    ) {
        var merged = current ?? .init(declared.name)
        merged.maximumAttempts = declared.maximumAttempts ?? merged.maximumAttempts
        merged.attemptTimeout = declared.attemptTimeout ?? merged.attemptTimeout
        merged.retryBase = declared.retryBase ?? merged.retryBase
        merged.retryCap = declared.retryCap ?? merged.retryCap
        if let base = merged.retryBase, let cap = merged.retryCap, cap < base {
            problems.append(
                .init(line: declared.line, message: "retry_cap_ms, \(cap), is at least retry_base_ms, \(base)."))
        }
        let before = changes.count
        if current == nil {
            changes.append(
                Change(
                    subject: "model \(declared.name)",
                    after: declared.deployments.count == 1
                        ? "1 deployment" : "\(declared.deployments.count) deployments"))
        } else {
            compare(merged, current)
        }
        if changes.count > before { steps.append(.putModel(merged)) }
        for deployment in declared.deployments {
            plan(deployment, of: declared.name, from: current?.deployments.first { $0.name == deployment.name })
        }
        steer(declared, from: current, &problems)
    }

    private mutating func compare(_ model: FleetDeclaration.Model, _ current: FleetDeclaration.Model?) {
        let subject = "model \(model.name)"
        compare(subject, "max_attempts", current?.maximumAttempts, model.maximumAttempts)
        compare(subject, "attempt_timeout_ms", current?.attemptTimeout, model.attemptTimeout)
        compare(subject, "retry_base_ms", current?.retryBase, model.retryBase)
        compare(subject, "retry_cap_ms", current?.retryCap, model.retryCap)
    }

    private mutating func plan(
        _ declared: FleetDeclaration.Deployment, of model: String, from current: FleetDeclaration.Deployment?
    ) {
        let subject = "deployment \(declared.name)"
        var merged = current ?? .init(declared.name)
        merged.backend = declared.backend ?? merged.backend
        merged.workers = declared.workers ?? merged.workers
        merged.slots = declared.slots ?? merged.slots
        merged.version = declared.version ?? merged.version
        // The same in another spelling is no reason to replace workers.
        if let wanted = declared.configuration,
            JSONNode.canonical(wanted) != merged.configuration.map(JSONNode.canonical)
        {
            merged.configuration = wanted
        }
        let before = changes.count
        if current == nil {
            changes.append(
                Change(subject: subject, after: "backend \(merged.backend ?? "?"), of model \(model)"))
        } else {
            compare(subject, "backend", current?.backend, merged.backend)
            compare(subject, "config", current?.configuration, merged.configuration)
            compare(subject, "workers", current?.workers, merged.workers)
            compare(subject, "slots", current?.slots, merged.slots)
            compare(subject, "version", current?.version, merged.version)
        }
        if changes.count > before { steps.append(.putDeployment(merged, model: model)) }
        if let tier = declared.tier, compare(subject, "tier", current?.tier, tier) {
            steps.append(.setTier(deployment: declared.name, tier))
        }
        if let object = members(subject, "scaling", of: declared.scaling, from: current?.scaling ?? [:]) {
            steps.append(.setScaling(deployment: declared.name, object))
        }
        if let limits = members(subject, "limits", of: declared.limits, from: current?.limits ?? [:]) {
            steps.append(.setDeploymentLimits(deployment: declared.name, limits))
        }
    }

    private mutating func plan(
        _ fallbacks: [String]?, of model: FleetDeclaration.Model, from current: [String], _ known: Set<String>,
        _ problems: inout [FleetFileError.Problem]
    ) {
        guard let fallbacks, fallbacks != current else { return }
        for name in fallbacks where !known.contains(name) {
            problems.append(
                .init(
                    line: model.line,
                    message: "Model \"\(model.name)\" falls back to \"\(name)\", which is no model: declare it, too."))
        }
        func text(_ names: [String]) -> String { "[\(names.joined(separator: ", "))]" }
        compare("model \(model.name)", "fallbacks", text(current), text(fallbacks))
        steps.append(.setFallbacks(model: model.name, fallbacks))
    }

    /// Those that stop first: a model has one at a time.
    private mutating func plan(
        _ declared: [FleetDeclaration.Experiment], from current: [FleetDeclaration.Experiment], of models: Set<String>,
        _ problems: inout [FleetFileError.Problem]
    ) {
        let known = Dictionary(current.map { ($0.name, $0) }) { $1 }
        var starts: [Step] = []
        for experiment in declared {
            let subject = "experiment \(experiment.name)"
            let state = experiment.state ?? "running"
            if let found = known[experiment.name] {
                if let difference = Self.difference(experiment, found) {
                    problems.append(
                        .init(
                            line: experiment.line,
                            message:
                                "Experiment \"\(experiment.name)\" has another \(difference): one that has begun is not changed. Give the new one another name."
                        ))
                } else if found.state == "running", compare(subject, "state", found.state, state) {
                    steps.append(.stopExperiment(experiment.name))
                } else if experiment.state == "running", found.state == "stopped" {
                    problems.append(
                        .init(
                            line: experiment.line,
                            message: "Experiment \"\(experiment.name)\" was stopped; give a new one another name."))
                }
            } else if state == "running" {
                guard let model = experiment.model, models.contains(model), experiment.arms != nil else {
                    problems.append(
                        .init(
                            line: experiment.line,
                            message:
                                "Experiment \"\(experiment.name)\" is new: say its model, one there is, and its arms."
                        ))
                    continue
                }
                changes.append(Change(subject: subject, after: "of model \(model)"))
                starts.append(.startExperiment(experiment))
            }
        }
        steps += starts
    }

    /// The key in which the two are not the same; nil: they are, as far as the first says anything.
    private static func difference(
        _ declared: FleetDeclaration.Experiment, _ found: FleetDeclaration.Experiment
    ) -> String? {
        func differs(_ one: String?, _ other: String?) -> Bool {
            one.map { JSONNode.canonical($0) != JSONNode.canonical(other ?? "") } ?? false
        }
        if let model = declared.model, model != found.model { return "model" }
        if let unit = declared.unit, unit != found.unit { return "unit" }
        if let salt = declared.salt, salt != found.salt { return "salt" }
        if differs(declared.plan, found.plan) { return "plan" }
        return differs(declared.arms, found.arms) ? "arms" : nil
    }

    /// How the traffic is divided. The strategy last: setting weights makes them count.
    private mutating func steer(
        _ declared: FleetDeclaration.Model, from current: FleetDeclaration.Model?,
        _ problems: inout [FleetFileError.Problem]
    ) {
        let subject = "model \(declared.name)"
        var weights: [String: Int32] = [:]
        for deployment in declared.deployments {
            let known = current?.deployments.first { $0.name == deployment.name }?.weight
            if let weight = deployment.weight, compare("deployment \(deployment.name)", "weight", known, weight) {
                weights[deployment.name] = weight
            }
        }
        if !weights.isEmpty {
            var all = Dictionary(
                (current?.deployments ?? []).map { ($0.name, $0.weight ?? 0) }
            ) { $1 }
            all.merge(weights) { $1 }
            if all.values.allSatisfy({ $0 == 0 }) {
                problems.append(
                    .init(
                        line: declared.line, message: "One weight at least of model \"\(declared.name)\" is above zero."
                    ))
            }
            steps.append(.setWeights(model: declared.name, weights))
        }
        if let strategy = declared.strategy,
            compare(subject, "strategy", current?.strategy, strategy) || !weights.isEmpty
        {
            steps.append(.setStrategy(model: declared.name, strategy))
        }
        if let policy = members(subject, "policy", of: declared.policy, from: current?.policy ?? [:]) {
            steps.append(.setPolicy(model: declared.name, policy))
        }
        admit(declared, from: current, &problems)
    }

    /// What gateways let in.
    private mutating func admit(
        _ declared: FleetDeclaration.Model, from current: FleetDeclaration.Model?,
        _ problems: inout [FleetFileError.Problem]
    ) {
        let subject = "model \(declared.name)"
        if members(subject, "guard", of: declared.inputGuard, from: current?.inputGuard ?? [:]) != nil {
            let merged = (current?.inputGuard ?? [:]).merging(declared.inputGuard) { $1 }.filter { $0.value != "null" }
            if let most = merged["max_tokens_max"].flatMap({ Int64($0) }),
                most < merged["max_tokens_min"].flatMap({ Int64($0) }) ?? 1
            {
                problems.append(
                    .init(
                        line: declared.line,
                        message: "max_tokens_max of model \"\(declared.name)\", \(most), is at least max_tokens_min."))
            }
            steps.append(.setGuard(model: declared.name, merged))
        }
        let known = current?.waiting ?? FleetDeclaration.Model.Bound.none
        if let waiting = declared.waiting, waiting != known {
            compare(subject, "waiting", known.text, waiting.text ?? "null")
            steps.append(.setWaiting(model: declared.name, waiting))
        }
    }

    /// The members of `key` that are to be different, as a JSON object; nil: none. Null takes one away.
    private mutating func members(
        _ subject: String, _ key: String, of declared: [String: String], from current: [String: String]
    ) -> String? {
        // Neither the order of keys within a value nor the spelling of a number is a difference.
        let different = declared.filter { name, value in
            value == "null"
                ? current[name] != nil : current[name].map(JSONNode.canonical) != JSONNode.canonical(value)
        }
        guard !different.isEmpty else { return nil }
        let sorted = different.sorted { $0.key < $1.key }
        for (name, value) in sorted { compare(subject, "\(key).\(name)", current[name], value) }
        return "{\(sorted.map { "\(JSONNode.quoted($0.key)): \($0.value)" }.joined(separator: ", "))}"
    }

    /// Notes that `key` is to be different; whether it is.
    @discardableResult
    private mutating func compare(_ subject: String, _ key: String, _ before: String?, _ after: String?) -> Bool {
        guard let after, before != after else { return false }
        changes.append(Change(subject: subject, key: key, before: before, after: after))
        return true
    }

    @discardableResult
    private mutating func compare(_ subject: String, _ key: String, _ before: Int32?, _ after: Int32?) -> Bool {
        compare(subject, key, before.map { String($0) }, after.map { String($0) })
    }
}

extension FleetDeclaration.Model.Bound {
    /// The number; nil: there is none.
    fileprivate var text: String? {
        if case .most(let number) = self { String(number) } else { nil }
    }
}
