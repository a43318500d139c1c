internal import Yams

/// The file form of a fleet: YAML with the keys of the columns and verbs in SQL.
///
///     models:
///       chat:
///         strategy: weighted
///         deployments:
///           local-v1:
///             backend: local
///             config: {model: /models/a.gguf}
///             workers: 2
///             scaling: {min_workers: 0, max_workers: 4, objective_ms: 20000}
///             weight: 100
package enum FleetFile {
    /// The largest file that is read, in bytes.
    package static let maximumBytes = 4 << 20

    /// What `text` declares.
    ///
    /// - Throws: `FleetFileError` with every unknown key, wrong kind, impossible value and name said twice at once; with the
    ///   first error only when it is no YAML.
    package static func read(_ text: String) throws(FleetFileError) -> FleetDeclaration {
        guard text.utf8.count <= maximumBytes else {
            throw FleetFileError(problems: [.init(line: 0, message: "A fleet file has at most \(maximumBytes) bytes.")])
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw FleetFileError(problems: [problem(error)])
        }
        var reading = FleetFileReading()
        let declaration = reading.declaration(root)
        guard reading.problems.isEmpty else {
            throw FleetFileError(problems: reading.problems.sorted { $0.line < $1.line })
        }
        return declaration
    }

    /// `declaration` as a file that `read` understands, everything by name.
    package static func text(_ declaration: FleetDeclaration) throws -> String {
        let models = declaration.models.sorted { $0.name < $1.name }.map { (word($0.name), node($0)) }
        var sections = [(word("models"), Node(models))]
        if !declaration.experiments.isEmpty {
            let experiments = declaration.experiments.sorted { $0.name < $1.name }.map { (word($0.name), node($0)) }
            sections.append((word("experiments"), Node(experiments)))
        }
        return try Yams.serialize(node: Node(sections), width: -1, sortKeys: false)
    }

    /// `text` as a JSON string, with its quotes.
    package static func quoted(_ text: String) -> String { JSONNode.quoted(text) }

    private static func problem(_ error: any Error) -> FleetFileError.Problem {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            .init(line: mark.line, message: "This is no YAML: \(problem).")
        case .duplicatedKeysInMapping(let names, let context):
            .init(line: context.mark.line, message: "A key stands here twice: \(names.joined(separator: ", ")).")
        default: .init(line: 0, message: "This is no YAML.")
        }
    }
}

// MARK: Writing

extension FleetFile {
    private static func word(_ text: String) -> Node { JSONNode.string(text) }

    private static func number(_ value: Int32) -> Node { Node(String(value)) }

    private static func node(_ model: FleetDeclaration.Model) -> Node {
        var pairs: [(Node, Node)] = []
        func append(_ key: String, _ value: Node?) { if let value { pairs.append((word(key), value)) } }
        append("max_attempts", model.maximumAttempts.map(number))
        append("attempt_timeout_ms", model.attemptTimeout.map(number))
        append("retry_base_ms", model.retryBase.map(number))
        append("retry_cap_ms", model.retryCap.map(number))
        append("strategy", model.strategy.map(word))
        if !model.policy.isEmpty {
            let policy = model.policy.sorted { $0.key < $1.key }.map { (word($0.key), JSONNode.node(of: $0.value)) }
            append("policy", Node(policy))
        }
        if let fallbacks = model.fallbacks, !fallbacks.isEmpty {
            append("fallbacks", Node(fallbacks.map(word), Tag(.implicit), .flow))
        }
        if !model.inputGuard.isEmpty {
            let bounds = model.inputGuard.sorted { $0.key < $1.key }.map { (word($0.key), JSONNode.node(of: $0.value)) }
            append("guard", Node(bounds))
        }
        if case .most(let waiting) = model.waiting { append("waiting", number(waiting)) }
        if !model.deployments.isEmpty {
            append(
                "deployments",
                Node(model.deployments.sorted { $0.name < $1.name }.map { (word($0.name), node($0)) }))
        }
        return Node(pairs)
    }

    private static func node(_ deployment: FleetDeclaration.Deployment) -> Node {
        var pairs: [(Node, Node)] = []
        func append(_ key: String, _ value: Node?) { if let value { pairs.append((word(key), value)) } }
        append("backend", deployment.backend.map(word))
        append("config", deployment.configuration.map(JSONNode.node))
        append("workers", deployment.workers.map(number))
        append("slots", deployment.slots.map(number))
        append("version", deployment.version.map(word))
        append("weight", deployment.weight.map(number))
        append("tier", deployment.tier.map(number))
        if !deployment.scaling.isEmpty {
            let scaling = deployment.scaling.sorted { $0.key < $1.key }
            append("scaling", Node(scaling.map { (word($0.key), JSONNode.node(of: $0.value)) }))
        }
        if !deployment.limits.isEmpty {
            let limits = deployment.limits.sorted { $0.key < $1.key }.map {
                (word($0.key), JSONNode.node(of: $0.value))
            }
            append("limits", Node(limits))
        }
        return Node(pairs)
    }

    private static func node(_ experiment: FleetDeclaration.Experiment) -> Node {
        var pairs: [(Node, Node)] = []
        func append(_ key: String, _ value: Node?) { if let value { pairs.append((word(key), value)) } }
        append("model", experiment.model.map(word))
        append("unit", experiment.unit.map(word))
        append("salt", experiment.salt.map(word))
        append("plan", experiment.plan.map(JSONNode.node))
        append("arms", experiment.arms.map(JSONNode.node))
        append("state", experiment.state.map(word))
        return Node(pairs)
    }
}
