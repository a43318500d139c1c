internal import BackendABI
internal import Domain
internal import Glibc

/// Tries out whether a backend keeps the contract of `sluice_backend.h`.
///
/// It calls the backend in this process, which a bad backend may end, or hold up for ever by not returning from a function:
/// run it in a child with a time limit.
package struct BackendCheck: Sendable {
    /// One thing that was tried.
    package struct Finding: Sendable, Hashable {
        /// What must hold, as a fact.
        package var name: String
        /// Whether it held.
        package var passed: Bool
        /// What was seen; says what is wrong when it did not hold.
        package var detail: String
    }

    /// The configuration instances are made with: one under which the backend can answer.
    package var configuration: [UInt8]
    /// Calls of the longer checks; the growth check makes three to nine times as many.
    package var calls: Int
    /// How long each check may take before it counts as failed.
    package var timeLimit: Duration
    /// The model name put into requests.
    package var model: String

    /// A check with that configuration.
    package init(
        configuration: [UInt8] = [],
        calls: Int = 2_000,
        timeLimit: Duration = .seconds(20),
        model: String = "check"
    ) {
        self.configuration = configuration
        self.calls = max(1, calls)
        self.timeLimit = timeLimit
        self.model = model
    }

    /// Runs every check in turn and tells `report` of each as it is done.
    ///
    /// A backend that cannot be loaded or started gives a single failed finding. After a check that did not end in time the
    /// rest is not tried, since nothing more could be believed.
    package func run(
        _ file: BackendFile,
        report: @Sendable (Finding) -> Void = { _ in }
    ) async -> [Finding] {
        var findings: [Finding] = []
        func note(_ finding: Finding) {
            findings.append(finding)
            report(finding)
        }
        note(exportsOnlyTheEntry(file))
        let backend: Backend
        do {
            backend = try Backend.load(file)
            let name = backend.descriptor.name
            note(
                Finding(
                    name: "loads and declares itself", passed: true, detail: "\(name) \(backend.descriptor.version)"))
        } catch {
            note(Finding(name: "loads and declares itself", passed: false, detail: error.description))
            return findings
        }
        note(refusesBadConfiguration(backend))
        for trial in trials(of: backend) {
            let finding = await trial.run(self, backend)
            note(finding)
            if finding.detail == Self.tooLate { break }
        }
        return findings
    }

    static let tooLate = "did not end in time"

    /// A check that makes an instance of its own.
    struct Trial: Sendable {
        var name: String
        /// Returns what was seen; throws `Complaint` when the contract was broken.
        var body: @Sendable (BackendCheck, BackendInstance) async throws -> String

        func run(_ check: BackendCheck, _ backend: Backend) async -> Finding {
            func finding(_ passed: Bool, _ detail: String) -> Finding {
                Finding(name: name, passed: passed, detail: detail)
            }
            do {
                let slots = min(backend.descriptor.maximumConcurrency, 256)
                let instance = try backend.makeInstance(configuration: check.configuration, slots: slots)
                let seen = try await within(check.timeLimit, instance) { try await body(check, instance) }
                return finding(true, seen)
            } catch let complaint as Complaint {
                return finding(false, complaint.text)
            } catch {
                return finding(false, "\(error)")
            }
        }

        /// Runs `body`, releasing it from a backend that does not answer when the time is up.
        private func within(
            _ limit: Duration,
            _ instance: BackendInstance,
            _ body: @escaping @Sendable () async throws -> String
        ) async throws -> String {
            try await withThrowingTaskGroup(of: String?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    try await Task.sleep(for: limit)
                    instance.abandonAll()
                    return nil
                }
                defer { group.cancelAll() }
                guard let seen = try await group.next() ?? nil else { throw Complaint(BackendCheck.tooLate) }
                return seen
            }
        }
    }

    /// The contract was broken.
    struct Complaint: Error {
        var text: String
        init(_ text: String) { self.text = text }
    }

    private func exportsOnlyTheEntry(_ file: BackendFile) -> Finding {
        let name = "exports the entry symbol alone"
        guard let names = ELFExports.names(in: file.path) else {
            return Finding(name: name, passed: false, detail: "the file is no 64-bit ELF library with section headers")
        }
        let others = names.filter { $0 != SLUICE_ENTRY_SYMBOL }
        guard names.contains(SLUICE_ENTRY_SYMBOL), others.isEmpty else {
            let seen = others.prefix(5).joined(separator: " ")
            return Finding(name: name, passed: false, detail: "also exports \(others.count) others: \(seen)")
        }
        return Finding(name: name, passed: true, detail: SLUICE_ENTRY_SYMBOL)
    }

    private func refusesBadConfiguration(_ backend: Backend) -> Finding {
        let name = "refuses a bad configuration with a sentence"
        for text in ["{\"sluice_check_unknown_key\":1}", "no json", "{\"a\":", "[]"] {
            do {
                _ = try backend.makeInstance(configuration: Array(text.utf8), slots: 1)
                return Finding(name: name, passed: false, detail: "took the configuration \(text)")
            } catch {
                guard error.code == .createFailed, let cause = error.cause, cause != "it gave no reason" else {
                    return Finding(name: name, passed: false, detail: "gave no sentence for the configuration \(text)")
                }
            }
        }
        return Finding(name: name, passed: true, detail: "an unknown key, and three texts that are no object")
    }
}
