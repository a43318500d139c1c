import ArgumentParser
import BackendHost
import Domain
import Queue
import Terminal

/// Lists the backends the database knows, or the files that are here.
struct BackendsListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List backends: what they are, who uses them, and why they could not be loaded.",
        discussion: """
            Shows what workers and `sluice deploy` have recorded in the database, the same as SELECT * FROM \
            sluice.backends(). With --files it looks at the files here instead: each is loaded in a short-lived process \
            of its own, and no database is needed.
            """)

    @Flag(help: "List the files that can be found here.")
    var files = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        if files {
            try console.show(await filesHere())
            return .ok
        }
        let known = try await Session.open(database).queue.backends()
        try console.show(Self.table(of: known))
        for backend in known {
            guard let failure = backend.lastFailure else { continue }
            console.note("\(backend.name) could not be loaded (\(backend.failures) times in a row): \(failure)")
        }
        if known.isEmpty {
            console.note("No backend is recorded yet; `sluice backends list --files` shows what is here.")
        }
        return .ok
    }

    private static func table(of known: [BackendOverview]) -> TextTable {
        var table = TextTable([
            .init("name", key: "name"), .init("version", key: "version"), .init("abi", key: "abi"),
            .init("kinds", key: "kinds"), .init("stream", key: "streaming"), .init("calls", key: "max_concurrency"),
            .init("used by", key: "deployments", canShrink: true), .init("workers", key: "workers"),
            .init("failures", key: "failures"), .init("sha256", key: "sha256", canShrink: true),
            .init("file", key: "path", canShrink: true), .init("host", key: "host", canShrink: true),
            .init("recorded", key: "recorded_at"), .init("last failure", key: "last_failure", canShrink: true),
            .init("at", key: "last_failure_at"),
        ])
        for backend in known {
            let record = backend.record
            table.append([
                .text(backend.name), text(record?.version), text(record?.abi),
                text(record?.capabilities.joined(separator: ", ")), record?.canStream.map { .flag($0) } ?? .none,
                record?.maximumConcurrency.map { .count(Int64($0)) } ?? .none,
                text(backend.deployments.isEmpty ? nil : backend.deployments.joined(separator: ", ")),
                .count(Int64(backend.workersLive)), .count(backend.failures), text(record?.sha256),
                text(record?.path), text(record?.host), backend.recordedAt.map(JobsShown.time) ?? .none,
                text(backend.lastFailure), backend.lastFailureAt.map(JobsShown.time) ?? .none,
            ])
        }
        return table
    }

    private func filesHere() async -> TextTable {
        var table = TextTable([
            .init("name", key: "name"), .init("version", key: "version"), .init("abi", key: "abi"),
            .init("kinds", key: "kinds"), .init("stream", key: "streaming"), .init("calls", key: "max_concurrency"),
            .init("sha256", key: "sha256", canShrink: true), .init("file", key: "path", canShrink: true),
            .init("problem", key: "problem", canShrink: true),
        ])
        for directory in backends.directories {
            for library in BackendFile.libraries(in: directory) where library.hasPrefix("lib") {
                table.append(await row(for: directory + "/" + library))
            }
        }
        return table
    }

    private func row(for path: String) async -> [Cell] {
        do {
            let found = try await backends.inspect(path)
            let descriptor = found.descriptor
            return [
                .text(descriptor.name), .text(descriptor.version), .text(descriptor.abi),
                .text(descriptor.capabilities.map(\.rawValue).sorted().joined(separator: ", ")),
                .flag(descriptor.canStream), .count(Int64(descriptor.maximumConcurrency)), .text(found.file.sha256),
                .text(found.file.path), .none,
            ]
        } catch {
            return [.none, .none, .none, .none, .none, .none, .none, .text(path), .text(error.description)]
        }
    }

    private static func text(_ text: String?) -> Cell { text.map { .text($0) } ?? .none }
}
