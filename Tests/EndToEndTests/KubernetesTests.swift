import FoundationEssentials
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The manifests in ops/kubernetes against the published schemas of Kubernetes and KEDA.
struct KubernetesTests {
    private static let root = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()

    private func check(_ folder: String) async throws -> (isGood: Bool, output: String) {
        let schemas = try #require(
            ProcessInfo.processInfo.environment["SLUICE_SCHEMAS"],
            "Run ops/schemas.sh and set SLUICE_SCHEMAS to the folder it prints, as ops/test.sh does.")
        let result = try await Subprocess.run(
            .path(FilePath("\(schemas)/bin/python")),
            arguments: ["-B", Self.root.appending("ops/kubernetes/check.py").string, folder], input: .none,
            output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        return (result.terminationStatus.isSuccess, result.standardOutput + result.standardError)
    }

    @Test func `the base is what Kubernetes and KEDA take`() async throws {
        let (isGood, output) = try await check(Self.root.appending("ops/kubernetes/base").string)
        #expect(isGood && output.contains("7 documents, 0 problems"), "\(output)")
    }

    @Test(arguments: [
        ("scaling.yaml", "pollingInterval: 5", "pollingIntervall: 5", "pollingIntervall is not in the schema"),
        ("scaling.yaml", "maxReplicaCount: 1000", "maxReplicaCount: many", "valid integer"),
        ("scaling.yaml", "name: sluice-reader\nspec", "name: other\nspec", "names TriggerAuthentication sluice-reader"),
        ("gateway.yaml", "containerPort: 8080", "containerPort: \"8080\"", "is not of type"),
        (
            "workers.yaml", "sluice/deployment: chat-v1\n    spec", "sluice/deployment: other\n    spec",
            "does not select"
        ),
    ])
    func `what they do not take is found`(file: String, good: String, bad: String, sentence: String) async throws {
        try await TemporaryFolder.with { folder in
            let base = Self.root.appending("ops/kubernetes/base").string
            for name in try FileManager.default.contentsOfDirectory(atPath: base) {
                var text = try String(contentsOfFile: "\(base)/\(name)", encoding: .utf8)
                if name == file {
                    #expect(text.contains(good))
                    text = text.replacing(good, with: bad)
                }
                try Data(text.utf8).write(to: URL(filePath: "\(folder.path)/\(name)"))
            }
            let (isGood, output) = try await check(folder.path)
            #expect(!isGood && output.contains(sentence), "\(output)")
        }
    }
}
