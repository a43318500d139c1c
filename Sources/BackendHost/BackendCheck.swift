internal import Subprocess

/// Tries out whether a backend keeps the contract of `sluice_backend.h`.
///
/// Each trial of `BackendTrial.catalogue` runs in a child process, so that a backend may do there what it likes.
package struct BackendCheck: Sendable {
    /// The configuration instances are made with: one under which the backend can answer.
    package var configuration: [UInt8]
    /// Calls of the growth trial; the other long ones make no more, and at most 1,000 or 2,000.
    package var calls: Int
    /// How long each trial may take; nil leaves it to the trial.
    package var timeLimit: Duration?
    /// The model name put into requests.
    package var model: String
    /// Names of the trials to run; empty for all of them.
    package var only: Set<String> = []

    /// What the parent gives a child beyond the trial's own limit, for a backend that does not even let itself be timed.
    private static let grace = Duration.seconds(5)
    private static let outputLimit = 1 << 20

    /// A check with that configuration.
    package init(
        configuration: [UInt8] = [],
        calls: Int = 10_000,
        timeLimit: Duration? = nil,
        model: String = "check"
    ) {
        self.configuration = configuration
        self.calls = max(1, calls)
        self.timeLimit = timeLimit
        self.model = model
    }

    /// The trials that will be run.
    package var trials: [BackendTrial] {
        BackendTrial.catalogue.filter { only.isEmpty || only.contains($0.name) }
    }

    /// How long the whole check may take at most.
    package var longest: Duration { trials.reduce(.zero) { $0 + (timeLimit ?? $1.timeLimit) + Self.grace } }

    /// Runs the trials in turn and tells `report` of each as it is done.
    ///
    /// A backend that does not load or start is not tried any further.
    /// - Parameter command: the program and arguments that run `tryOut` with the trial whose name follows them:
    /// `["/proc/self/exe", "backends", "trial", …]`. It gets this process's environment.
    package func run(
        _ file: BackendFile,
        command: [String],
        report: @Sendable (BackendFinding) -> Void = { _ in }
    ) async -> [BackendFinding] {
        var findings: [BackendFinding] = []
        for trial in trials {
            let limit = (timeLimit ?? trial.timeLimit) + Self.grace
            let ending = await ChildRun.run(
                command + [trial.name], timeLimit: limit, environment: .inherit, outputLimit: Self.outputLimit)
            let finding = Self.finding(trial, ending, limit)
            findings.append(finding)
            report(finding)
            if trial.isRequired && !finding.passed || Task.isCancelled { break }
        }
        return findings
    }

    /// For the child: runs the trial of that name in this process, which a bad backend may end.
    ///
    /// Nil when there is no such trial.
    package func tryOut(_ name: String, _ file: BackendFile) async -> BackendFinding? {
        guard let trial = BackendTrial.catalogue.first(where: { $0.name == name }) else { return nil }
        return await trial.run(TrialGround(file: file, check: self))
    }

    private static func finding(_ trial: BackendTrial, _ ending: ChildRun, _ limit: Duration) -> BackendFinding {
        switch ending {
        case .notStarted(let cause):
            return BackendFinding(trial, broke: trial.crashRule, "the trial's process could not be run: \(cause)")
        case .cancelled: return BackendFinding(trial, broke: trial.hangRule, "the check was interrupted")
        case .timedOut:
            return BackendFinding(trial, broke: trial.hangRule, "hung: its process was killed after \(limit)")
        case .crashed(let signal, let errors):
            return BackendFinding(
                trial, broke: trial.crashRule, "crashed: signal \(signal)" + ChildRun.lastWords(errors))
        case .exited(let code, let output, let errors):
            let lines = output.split(separator: UInt8(ascii: "\n"))
            let found = lines.lazy.compactMap { BackendFinding(line: Array($0)) }.first
            guard code == 0, let found else {
                let words = ChildRun.lastWords(errors)
                // LeakSanitizer ends the process after the finding was printed, AddressSanitizer where another would crash.
                let rule: HeaderRule =
                    found != nil ? .memory : words.contains("AddressSanitizer") ? trial.crashRule : .process
                return BackendFinding(trial, broke: rule, "ended the process: exit status \(code)" + words)
            }
            if found.passed, let stray = lines.first(where: { BackendFinding(line: Array($0)) == nil }) {
                let text = String(decoding: stray.prefix(80), as: UTF8.self)
                return BackendFinding(trial, broke: .output, "wrote to standard output: \(text)")
            }
            return found
        }
    }
}
