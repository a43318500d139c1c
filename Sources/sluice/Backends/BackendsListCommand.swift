import Domain
import ArgumentParser
import BackendHost
import Postgres
import Terminal

/// Lists the backends that can be found, and what each says about itself.
struct BackendsListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the backends that can be found here.",
        discussion: """
            Each is loaded in a short-lived process of its own. With a database, also whether its file is the one \
            recorded there.
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    private static let recorded = Statement("recorded_backends", "select name, sha256 from sluice.backend")

    func perform(_ console: Console) async throws -> ProcessExit {
        let recorded = await recordedDigests(console)
        var table = TextTable([
            .init("name", key: "name"), .init("version", key: "version"), .init("abi", key: "abi"),
            .init("kinds", key: "kinds"), .init("stream", key: "streaming"), .init("calls", key: "max_concurrency"),
            .init("recorded", key: "recorded"), .init("file", key: "path", canShrink: true),
            .init("problem", key: "problem", canShrink: true),
        ])
        for directory in backends.directories {
            for library in BackendFile.libraries(in: directory) where library.hasPrefix("lib") {
                table.append(await row(for: directory + "/" + library, recorded))
            }
        }
        try console.show(table)
        if table.rows.isEmpty {
            console.note("There is no backend in \(backends.directories.joined(separator: ", ")).")
        }
        return .ok
    }

    private func row(for path: String, _ recorded: [String: String]?) async -> [Cell] {
        do {
            let found = try await backends.inspect(path)
            let descriptor = found.descriptor
            return [
                .text(descriptor.name), .text(descriptor.version), .text(descriptor.abi),
                .text(descriptor.capabilities.map(\.rawValue).sorted().joined(separator: ", ")),
                .flag(descriptor.canStream), .count(Int64(descriptor.maximumConcurrency)),
                recorded.map { .flag($0.values.contains(found.file.sha256)) } ?? .none, .text(found.file.path), .none,
            ]
        } catch {
            return [.none, .none, .none, .none, .none, .none, .none, .text(path), .text(error.description)]
        }
    }

    /// The digests the database has, by name; nil without a database, which is no error: the files are still there.
    private func recordedDigests(_ console: Console) async -> [String: String]? {
        do {
            let session = try await Session.open(database)
            var digests: [String: String] = [:]
            for row in try await session.connection.query(Self.recorded) {
                digests[try row.decode(0)] = try row.decode(1, as: String.self)
            }
            return digests
        } catch {
            console.note("What is recorded is not known: \(CommandFailure(explaining: error).message)")
            return nil
        }
    }
}
