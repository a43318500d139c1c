import FoundationEssentials
import Gateway
import Postgres
import Queue
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The scripts in Tests/Clients, in the Python environment of ops/clients.sh; harness.py there says what they are given.
enum ClientScript {
    /// Runs a case of `script` on a queue, and expects it to succeed. `more` is what the script takes besides.
    static func run(
        _ script: String, _ name: String, url: String, gateway: String, key: String, otherKey: String = "",
        more: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let folder = try #require(
            ProcessInfo.processInfo.environment["SLUICE_CLIENTS"],
            "Run ops/clients.sh and set SLUICE_CLIENTS to the folder it prints, as ops/test.sh does.")
        let path = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("Clients/\(script).py")
        let arguments =
            ["-B", path.string, name, gateway, key, otherKey, try Products.path(of: "sluice"), url] + more
        let result = try await Subprocess.run(
            .path(FilePath("\(folder)/bin/python")), arguments: Arguments(arguments), input: .none,
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        guard !result.terminationStatus.isSuccess else { return }
        let errors = result.standardError
        Issue.record(
            ClientScriptFailure(description: errors.split(separator: "\n").last.map(String.init) ?? "it said nothing"),
            "\(result.standardOutput)\n\(errors)", sourceLocation: sourceLocation)
    }
}

/// What a script said last: the assertion that did not hold. An error, so that the runner shows it on the line of the failure.
private struct ClientScriptFailure: Error, CustomStringConvertible {
    let description: String
}

extension RunningQueue {
    /// Runs a case of `script` against this queue, to which it adds the tenant `other` with a key.
    func script(
        _ script: String, _ name: String, more: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        _ = try await connection.query(Statement("test_tenant", "select sluice.put_tenant('other')"))
        let other = APIKey.random()
        _ = try await queue.createKey(tenant: "other", name: "other", prefix: other.prefix, sha256: other.sha256)
        try await ClientScript.run(
            script, name, url: url, gateway: gateway, key: key, otherKey: other.text, more: more,
            sourceLocation: sourceLocation)
    }
}
