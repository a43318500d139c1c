internal import JSONText

/// What a trial of a backend came to.
package struct BackendFinding: Sendable, Hashable {
    /// The trial's name.
    package var check: String
    /// What must hold, as a fact.
    package var fact: String
    /// Whether it held.
    package var passed: Bool
    /// What was seen; says what is wrong when it did not hold.
    package var detail: String
    /// The sentence of `sluice_backend.h` that was broken; nil when it held.
    package var rule: String?
}

extension BackendFinding {
    init(_ trial: BackendTrial, seen detail: String) {
        self.init(check: trial.name, fact: trial.fact, passed: true, detail: detail, rule: nil)
    }

    init(_ trial: BackendTrial, broke rule: HeaderRule, _ detail: String) {
        self.init(check: trial.name, fact: trial.fact, passed: false, detail: detail, rule: rule.rawValue)
    }

    /// One line of JSON, as the child prints it. The key tells it from what a backend may print.
    package var line: String {
        var members = [
            ("sluice_check", check), ("fact", fact), ("passed", passed ? "true" : "false"), ("detail", detail),
        ]
        if let rule { members.append(("rule", rule)) }
        var text: [UInt8] = []
        text.append(members: members)
        return String(decoding: text, as: UTF8.self)
    }

    /// The finding in a line; nil when it is something else.
    init?(line: [UInt8]) {
        guard let value = JSONValue(parsing: line), case .string(let check)? = value["sluice_check"],
            case .string(let fact)? = value["fact"], case .string(let passed)? = value["passed"],
            case .string(let detail)? = value["detail"]
        else { return nil }
        self.init(check: check, fact: fact, passed: passed == "true", detail: detail, rule: nil)
        if case .string(let rule)? = value["rule"] { self.rule = rule }
    }
}
