import Domain
import ArgumentParser
import BackendHost
import Queue
import Terminal

/// Makes the file that is here the one workers may load.
struct BackendsRecordCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Make the present file of a backend the one workers load.",
        discussion: "Workers refuse a backend whose file is not the one recorded. Run this after an upgrade you meant.")

    @Argument(help: "The backend's name as deployments use it.")
    var name: String

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let found = try await backends.inspect(name)
        let session = try await Session.open(database)
        let digest = try await session.queue.record(found, as: name, replacing: true)
        var facts = FactList()
        facts.append("backend", key: "name", .text(name))
        facts.append("version", key: "version", .text(found.descriptor.version))
        facts.append("file", key: "path", .text(found.file.path))
        facts.append("sha256", key: "sha256", .text(digest))
        try console.show(facts)
        return .ok
    }
}

extension Queue {
    /// Records an inspected file under `name`; returns the SHA-256 that may be loaded from now on.
    func record(_ found: BackendInspection, as name: String, replacing: Bool) async throws(QueueError) -> String {
        try await recordBackend(
            name,
            BackendRecord(
                sha256: found.file.sha256, version: found.descriptor.version, abi: found.descriptor.abi,
                capabilities: found.descriptor.capabilities.map(\.rawValue).sorted(),
                canStream: found.descriptor.canStream,
                maximumConcurrency: Int32(clamping: found.descriptor.maximumConcurrency), path: found.file.path,
                host: ProcessEnvironment.host),
            replacing: replacing)
    }
}
