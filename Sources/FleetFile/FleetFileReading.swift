internal import Fleet
internal import Yams

/// Reads the nodes of a fleet file, and notes everything that is wrong.
struct FleetFileReading {
    private(set) var problems: [FleetFileError.Problem] = []

    mutating func declaration(_ root: Node?) -> FleetDeclaration {
        guard let root, case .mapping = root else {
            note(root, "A fleet file begins with `models:`.")
            return FleetDeclaration()
        }
        let keys = section(root, "the file", ["models", "experiments"])
        if keys.isEmpty, problems.isEmpty { note(root, "A fleet file begins with `models:`.") }
        var declaration = FleetDeclaration()
        if let models = keys["models"] {
            declaration.models = named(models, "models").map { model($0, $1, line: $2) }
        }
        if let experiments = keys["experiments"] {
            declaration.experiments = named(experiments, "experiments").map { experiment($0, $1, line: $2) }
        }
        noteRepetitions(declaration)
        return declaration
    }

    /// A name may stand for one deployment only, whatever its model.
    private mutating func noteRepetitions(_ declaration: FleetDeclaration) {
        var places: [String: Int] = [:]
        for deployment in declaration.models.flatMap(\.deployments) {
            if let first = places.updateValue(deployment.line, forKey: deployment.name) {
                problems.append(
                    .init(
                        line: deployment.line,
                        message:
                            "Deployment \"\(deployment.name)\" stands in line \(first) already: its name is its own."
                    ))
            }
        }
    }

    private mutating func model(_ name: String, _ node: Node, line: Int) -> FleetDeclaration.Model {
        var model = FleetDeclaration.Model(name)
        model.line = line
        let keys = section(
            node, "model \"\(name)\"",
            [
                "max_attempts", "attempt_timeout_ms", "retry_base_ms", "retry_cap_ms", "strategy", "policy",
                "fallbacks", "guard", "waiting", "deployments",
            ])
        model.maximumAttempts = number(keys, "max_attempts", 1...100)
        model.attemptTimeout = number(keys, "attempt_timeout_ms", 1...86_400_000)
        model.retryBase = number(keys, "retry_base_ms", 1...3_600_000)
        model.retryCap = number(keys, "retry_cap_ms", 1...86_400_000)
        if let base = model.retryBase, let cap = model.retryCap, cap < base {
            note(keys["retry_cap_ms"], "retry_cap_ms is at least retry_base_ms, \(base).")
        }
        if let strategy = text(keys, "strategy") {
            if ShareStrategy(rawValue: strategy) != nil {
                model.strategy = strategy
            } else {
                let words = ShareStrategy.allCases.map(\.rawValue).joined(separator: ", ")
                note(keys["strategy"], "There is no strategy \"\(strategy)\"; there are \(words).")
            }
        }
        if let policy = keys["policy"] {
            for (name, value, _) in named(policy, "policy") { model.policy[name] = json(value) }
        }
        if let node = keys["fallbacks"] {
            let names = node.sequence?.compactMap { $0.scalar?.string }
            if let names, names.count == node.sequence?.count, names.count <= 4,
                Set(names + [name]).count == names.count + 1
            {
                model.fallbacks = names
            } else {
                note(node, "fallbacks is a list of at most 4 other models, such as [chat-small].")
            }
        }
        if let node = keys["guard"] { model.inputGuard = inputGuard(node) }
        if let node = keys["waiting"] {
            model.waiting =
                node.null != nil
                ? FleetDeclaration.Model.Bound.none : number(keys, "waiting", 0...Int32.max).map { .most($0) }
        }
        if let deployments = keys["deployments"] {
            model.deployments = named(deployments, "deployments").map { deployment($0, $1, line: $2) }
        }
        return model
    }

    private mutating func deployment(_ name: String, _ node: Node, line: Int) -> FleetDeclaration.Deployment {
        var deployment = FleetDeclaration.Deployment(name)
        deployment.line = line
        let keys = section(
            node, "deployment \"\(name)\"",
            ["backend", "config", "workers", "slots", "version", "weight", "tier", "scaling", "limits"])
        deployment.backend = text(keys, "backend")
        if let config = keys["config"] {
            if case .mapping = config {
                deployment.configuration = json(config)
            } else {
                note(config, "config is a mapping, the backend's configuration.")
            }
        }
        deployment.workers = number(keys, "workers", 0...1_000)
        deployment.slots = number(keys, "slots", 1...4_096)
        deployment.version = text(keys, "version")
        deployment.weight = number(keys, "weight", 0...10_000)
        deployment.tier = number(keys, "tier", 0...100)
        if let scaling = keys["scaling"] {
            for (name, value, _) in named(scaling, "scaling") { deployment.scaling[name] = json(value) }
            deployment.scaling = plain(deployment.scaling, scaling)
        }
        if let limits = keys["limits"] { deployment.limits = self.limits(limits) }
        return deployment
    }

    private mutating func limits(_ node: Node) -> [String: String] {
        let keys = section(node, "limits", ["concurrency", "requests_per_minute", "tokens_per_minute"])
        var limits: [String: String] = [:]
        for (name, value) in keys {
            guard value.null != nil || (value.scalar.flatMap({ Int64($0.string) }) ?? 0) >= 1 else {
                note(value, "\(name) is a whole number from 1, or null for no limit.")
                continue
            }
            limits[name] = json(value)
        }
        return limits
    }

    /// As `sluice.set_guard` would judge it.
    private mutating func inputGuard(_ node: Node) -> [String: String] {
        let numbers: [(name: String, most: Int64)] = [
            ("body_bytes_max", 2_147_483_647), ("json_depth_max", 1_000), ("prompt_characters_max", 2_147_483_647),
            ("max_tokens_min", 2_147_483_647), ("max_tokens_max", 2_147_483_647),
        ]
        let words = ["control_characters", "unknown_fields"]
        let keys = section(node, "guard", numbers.map(\.name) + words + ["extra_fields"])
        var found: [String: String] = [:]
        for (name, value) in keys {
            if let range = numbers.first(where: { $0.name == name }) {
                let number = value.scalar.flatMap { Int64($0.string) } ?? 0
                guard value.null != nil && name != "max_tokens_min" || 1...range.most ~= number else {
                    note(
                        value,
                        "\(name) is a whole number, 1 to \(range.most)\(name == "max_tokens_min" ? "" : ", or null for any")."
                    )
                    continue
                }
            } else if words.contains(name) {
                guard ["pass", "strip", "refuse"].contains(value.scalar?.string ?? "") else {
                    note(value, "\(name) is pass, strip or refuse.")
                    continue
                }
            } else {
                let fields = value.sequence?.compactMap { $0.scalar?.string }
                guard let fields, fields.count == value.sequence?.count, !fields.contains("") else {
                    note(value, "extra_fields is a list of names, such as [top_k].")
                    continue
                }
            }
            found[name] = json(value)
        }
        if let least = found["max_tokens_min"].flatMap({ Int64($0) }),
            let most = found["max_tokens_max"].flatMap({ Int64($0) }),
            most < least
        {
            note(keys["max_tokens_max"], "max_tokens_max is at least max_tokens_min, \(least).")
        }
        return found
    }

    private mutating func experiment(_ name: String, _ node: Node, line: Int) -> FleetDeclaration.Experiment {
        var experiment = FleetDeclaration.Experiment(name)
        experiment.line = line
        let place = "experiment \"\(name)\""
        let keys = section(node, place, ["model", "unit", "salt", "plan", "arms", "state"])
        experiment.model = text(keys, "model")
        experiment.unit = word(keys, "unit", ["job", "tenant"])
        experiment.salt = text(keys, "salt")
        experiment.state = word(keys, "state", ["running", "stopped"])
        if let plan = keys["plan"] {
            if case .mapping = plan {
                experiment.plan = json(plan)
            } else {
                note(plan, "plan is a mapping, such as {primary: score}.")
            }
        }
        if let arms = keys["arms"] {
            if case .sequence(let list) = arms, 2...20 ~= list.count, list.allSatisfy({ $0.mapping != nil }) {
                experiment.arms = json(arms)
            } else {
                note(arms, "arms is a list of 2 to 20 mappings, such as {name: control, percent: 50}.")
            }
        }
        return experiment
    }

    private mutating func word(_ keys: [String: Node], _ key: String, _ known: [String]) -> String? {
        guard let word = text(keys, key) else { return nil }
        if known.contains(word) { return word }
        note(keys[key], "\(key) is \(known.joined(separator: " or ")).")
        return nil
    }
}

// MARK: Scaling

extension FleetFileReading {
    /// `scaling` with RunPod's names as the words they mean, as `sluice.plain_scaling` does it.
    private mutating func plain(_ scaling: [String: String], _ node: Node) -> [String: String] {
        var plain = scaling
        func milliseconds(_ name: String) -> String? {
            guard let text = plain.removeValue(forKey: name) else { return nil }
            guard let seconds = Double(text), 0...86_400 ~= seconds else {
                note(node, "\(name) is a number of seconds, 0 to 86400.")
                return nil
            }
            return String(Int((seconds * 1000).rounded()))
        }
        if let least = plain.removeValue(forKey: "workersMin") { plain["min_workers"] = least }
        if let most = plain.removeValue(forKey: "workersMax") { plain["max_workers"] = most }
        if let type = plain.removeValue(forKey: "scalerType") { plain["scaler"] = type.lowercased() }
        if plain["scaler"] == "\"request_count\"" {
            if let value = plain.removeValue(forKey: "scalerValue") { plain["per_worker"] = value }
        } else if let objective = milliseconds("scalerValue") {
            plain["objective_ms"] = objective
        }
        if let idle = milliseconds("idleTimeout") { plain["idle_timeout_ms"] = idle }
        return plain
    }
}

// MARK: Pieces

extension FleetFileReading {
    private mutating func note(_ node: Node?, _ message: String) {
        problems.append(.init(line: node?.mark?.line ?? 1, message: message))
    }

    /// The values of a mapping by key, without those that nobody knows. Nothing at all is an empty mapping.
    private mutating func section(_ node: Node, _ place: String, _ known: [String]) -> [String: Node] {
        if node.null != nil { return [:] }
        guard case .mapping(let mapping) = node else {
            note(node, "Here are the keys of \(place), such as \(known[0]).")
            return [:]
        }
        var found: [String: Node] = [:]
        for (key, value) in mapping {
            guard let name = key.string, known.contains(name) else {
                note(
                    key,
                    "There is no \"\(key.string ?? "…")\" in \(place); there is \(known.joined(separator: ", ")).")
                continue
            }
            found[name] = value
        }
        return found
    }

    /// The names and values of a mapping whose keys are names.
    private mutating func named(_ node: Node, _ place: String) -> [(String, Node, Int)] {
        if node.null != nil { return [] }
        guard case .mapping(let mapping) = node else {
            note(node, "Under \(place) stand names with a colon.")
            return []
        }
        return mapping.compactMap { key, value in
            guard let name = key.scalar?.string, !name.isEmpty, name.utf8.count <= 256 else {
                note(key, "A name has 1 to 256 bytes.")
                return nil
            }
            return (name, value, key.mark?.line ?? 1)
        }
    }

    private mutating func number(_ keys: [String: Node], _ key: String, _ range: ClosedRange<Int32>) -> Int32? {
        guard let node = keys[key] else { return nil }
        guard let value = node.scalar.flatMap({ Int32($0.string) }), range.contains(value) else {
            note(node, "\(key) is a whole number, \(range.lowerBound) to \(range.upperBound).")
            return nil
        }
        return value
    }

    private mutating func text(_ keys: [String: Node], _ key: String) -> String? {
        guard let node = keys[key] else { return nil }
        guard let text = node.scalar?.string, !text.isEmpty, text.utf8.count <= 1_000, node.null == nil else {
            note(node, "\(key) is a text of 1 to 1,000 bytes.")
            return nil
        }
        return text
    }

    private mutating func json(_ node: Node) -> String? {
        let text = JSONNode.text(of: node)
        if text == nil {
            note(node, "This has no form in JSON: use texts, numbers, true, false, null, lists and mappings.")
        }
        return text
    }
}
