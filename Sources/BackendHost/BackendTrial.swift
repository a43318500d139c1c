/// One thing a backend is tried with, in a process of its own.
package struct BackendTrial: Sendable {
    /// A short name, such as `double-final`.
    package let name: String
    /// What must hold, as a fact.
    package let fact: String
    /// How long it may take, the start of an instance included, before it counts as failed.
    package let timeLimit: Duration
    /// Whether nothing else can be tried when it fails.
    let isRequired: Bool
    /// What the backend has broken when the trial takes its process down.
    let crashRule: HeaderRule
    /// What the backend has broken when the trial does not end.
    let hangRule: HeaderRule
    /// Returns what was seen; throws `Complaint` when the contract was broken.
    let body: @Sendable (TrialGround) async throws -> String

    init(
        _ name: String,
        _ fact: String,
        seconds: Int = 20,
        isRequired: Bool = false,
        crash: HeaderRule = .process,
        hang: HeaderRule = .finalDue,
        _ body: @escaping @Sendable (TrialGround) async throws -> String
    ) {
        self.name = name
        self.fact = fact
        timeLimit = .seconds(seconds)
        self.isRequired = isRequired
        crashRule = crash
        hangRule = hang
        self.body = body
    }

    /// The contract was broken.
    struct Complaint: Error {
        var rule: HeaderRule
        var text: String

        init(_ rule: HeaderRule, _ text: String) {
            self.rule = rule
            self.text = text
        }
    }

    /// Runs the trial in this process, which a bad backend may end, or hold up for ever by not returning from a function.
    func run(_ ground: TrialGround) async -> BackendFinding {
        do {
            let seen = try await within(ground)
            return BackendFinding(self, seen: seen)
        } catch let complaint as Complaint {
            return BackendFinding(self, broke: complaint.rule, complaint.text)
        } catch {
            return BackendFinding(self, broke: crashRule, "\(error)")
        }
    }

    /// Runs the body, releasing it from a backend that does not answer when the time is up.
    private func within(_ ground: TrialGround) async throws -> String {
        let limit = ground.timeLimit ?? timeLimit
        return try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask { try await body(ground) }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            if let seen = try await group.next() ?? nil { return seen }
            let open = ground.abandonAll()
            throw Complaint(hangRule, "did not end in \(limit), with \(open) calls open")
        }
    }
}
