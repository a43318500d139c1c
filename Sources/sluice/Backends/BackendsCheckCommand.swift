import ArgumentParser
import BackendHost
import Terminal

/// Tries whether a backend keeps its contract.
struct BackendsCheckCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Try whether a backend keeps the contract.",
        discussion: """
            Each check runs in a process of its own: a backend that crashes or hangs fails that check, not you. A failure \
            comes with the sentence of sluice_backend.h that was broken. A backend that does not load, or does not start \
            with the configuration, is not tried any further. A backend that answers at once is through in some ten \
            seconds; one that hangs wherever it can takes as long as the time limits say.
            """)

    @Argument(help: "The backend's file or name.", completion: .file(extensions: ["so"]))
    var backend: String

    @Option(help: ArgumentHelp("A configuration under which it can answer: JSON, or @FILE.", valueName: "json"))
    var config: TextArgument?

    @Option(help: "Calls of the check for growth; the others make no more.")
    var calls = 10_000

    @Option(help: ArgumentHelp("Only the check of that name; repeat it for more.", valueName: "name"))
    var only: [String] = []

    @Option(
        help: ArgumentHelp(
            "How long each check may take; by default 20 to 180 seconds, as each needs.", valueName: "seconds"))
    var timeLimit: Int?

    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard calls >= 1 else { throw ValidationError("--calls must be at least 1.") }
        if let timeLimit, !(1...86_400 ~= timeLimit) { throw ValidationError("--time-limit must be in 1...86400.") }
        let names = BackendTrial.catalogue.map(\.name)
        if let unknown = only.first(where: { !names.contains($0) }) {
            throw ValidationError("There is no check \(unknown); there are \(names.joined(separator: ", ")).")
        }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let file = try backends.verify(backend)
        let configuration = try config?.text() ?? "{}"
        var check = BackendCheck(
            configuration: Array(configuration.utf8), calls: calls, timeLimit: timeLimit.map { .seconds($0) })
        check.only = Set(only)
        console.note(
            "Checking \(file.path): \(Self.counted(check.trials.count)), \(HumanFormat.duration(check.longest)) at most"
        )
        let findings = await check.run(
            file,
            command: [
                "/proc/self/exe", "backends", "trial", file.path, configuration, "\(calls)",
                "\((timeLimit ?? 0) * 1_000)",
            ])
        try show(findings, console)
        let failures = findings.filter { !$0.passed }
        for failure in failures {
            console.note("\(failure.check): \(failure.detail)\n  the header says: \"\(failure.rule ?? "")\"")
        }
        if config == nil, failures.contains(where: { $0.check == BackendTrial.starts.name }) {
            console.note(
                "It was tried without a configuration. If it needs one, say under which it can answer: "
                    + "--config '{\"key\": \"value\"}', or --config @FILE."
            )
        }
        let missing = check.trials.count - findings.count
        if missing > 0 { console.note("\(missing) checks were not tried: they need one that failed.") }
        console.note(
            failures.isEmpty
                ? "The backend passes \(Self.counted(findings.count))."
                : "The backend fails \(failures.count) of \(Self.counted(findings.count)).")
        return failures.isEmpty ? .ok : .failed
    }

    private static func counted(_ checks: Int) -> String { checks == 1 ? "1 check" : "\(checks) checks" }

    private func show(_ findings: [BackendFinding], _ console: Console) throws {
        var table = TextTable([
            .init("", key: "status"), .init("check", key: "check"), .init("what must hold", key: "fact"),
            .init("seen", key: "detail", canShrink: true), .init("the header says", key: "rule", canShrink: true),
        ])
        for finding in findings {
            table.append([
                .word(finding.passed ? "ok" : "failed"), .text(finding.check), .text(finding.fact),
                .text(finding.detail), finding.rule.map { .text($0) } ?? .none,
            ])
        }
        try console.show(table)
    }
}
