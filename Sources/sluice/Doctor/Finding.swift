import Domain
import Terminal

/// One thing the doctor looked at.
struct Finding: Sendable {
    /// How bad it is.
    enum Level: String, Sendable {
        case ok
        case warning
        case failed
    }

    let level: Level
    /// What was looked at.
    let check: String
    /// What was seen.
    let seen: String
    /// What to do; nil when all is well.
    let fix: String?

    static func ok(_ check: String, _ seen: String) -> Finding {
        Finding(level: .ok, check: check, seen: seen, fix: nil)
    }

    static func warning(_ check: String, _ seen: String, fix: String) -> Finding {
        Finding(level: .warning, check: check, seen: seen, fix: fix)
    }

    static func failed(_ check: String, _ seen: String, fix: String) -> Finding {
        Finding(level: .failed, check: check, seen: seen, fix: fix)
    }

    /// `warning` or `failed` unless `holds`.
    static func expect(
        _ holds: Bool, _ check: String, _ seen: String, fix: String, otherwise level: Level = .warning
    ) -> Finding {
        holds ? .ok(check, seen) : Finding(level: level, check: check, seen: seen, fix: fix)
    }

    var json: JSONOutput {
        [
            "check": .string(check), "status": .string(level.rawValue), "seen": .string(seen),
            "fix": fix.map(JSONOutput.string) ?? .null,
        ]
    }
}
