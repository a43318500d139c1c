import FoundationEssentials
import Subprocess
import SystemPackage
import TestSupport

/// A server other people wrote, with a real if tiny model: `llama_cpp.server` of llama-cpp-python.
struct LlamaServer: Sendable {
    /// The base URL of its API.
    let url: String

    /// Whether the tests run without it because they were told to.
    static var isLeftOut: Bool { ProcessInfo.processInfo.environment["SLUICE_WITHOUT_LLAMA"] == "1" }

    /// The tiny model, or what `SLUICE_TINY_MODEL` names.
    private static var model: String {
        ProcessInfo.processInfo.environment["SLUICE_TINY_MODEL"]
            ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Models/tiny/tiny-f16.gguf").path
    }

    /// Why there is no server.
    struct Missing: Error, CustomStringConvertible {
        var description: String
    }

    /// Runs `body` beside a server on a free port, and stops it whatever comes of it.
    static func with<Result: Sendable>(
        _ options: [String] = [], _ body: @escaping @Sendable (LlamaServer) async throws -> Result
    ) async throws -> Result {
        guard let root = ProcessInfo.processInfo.environment["SLUICE_LLAMA"] else {
            throw Missing(
                description:
                    "SLUICE_LLAMA is not set: run `ops/test.sh`, or `export SLUICE_LLAMA=$(ops/llama.sh)` first; "
                    + "SLUICE_WITHOUT_LLAMA=1 leaves these tests out")
        }
        let arguments = ["-m", "llama_cpp.server", "--model", model, "--host", "127.0.0.1", "--port", "0"] + options
        var platform = PlatformOptions()
        platform.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(5))]
        let teardown = platform.teardownSequence
        let server = Configuration(
            executable: .path(FilePath(root + "/bin/python")), arguments: Arguments(arguments),
            environment: .inherit.updating(["PYTHONUNBUFFERED": "1"]), platformOptions: platform)
        return try await Subprocess.run(server, input: .none, output: .discarded, error: .sequence) { execution in
            let (addresses, found) = AsyncStream<String>.makeStream()
            return try await withThrowingTaskGroup(of: Swift.Result<Result, any Error>?.self) { group in
                group.addTask {
                    // An error must not leave before the server is stopped, or the other child would read for ever.
                    do {
                        for await address in addresses {
                            return .success(try await body(LlamaServer(url: address + "/v1")))
                        }
                        return .failure(Missing(description: "llama_cpp.server ended without listening"))
                    } catch {
                        return .failure(error)
                    }
                }
                group.addTask {
                    // All it says must be read, or it would wait for its reader.
                    defer { found.finish() }
                    var said: [UInt8] = []
                    var isKnown = false
                    for try await part in execution.standardError where !isKnown {
                        part.withUnsafeBytes { said.append(contentsOf: $0) }
                        guard let address = address(in: String(decoding: said, as: UTF8.self)) else { continue }
                        isKnown = true
                        found.yield(address)
                    }
                    return nil
                }
                var result: Swift.Result<Result, any Error>?
                while result == nil, let next = try await group.next() { result = next }
                await execution.teardown(using: teardown)
                guard let result else { throw Missing(description: "llama_cpp.server ended by itself") }
                return try result.get()
            }
        }.closureResult
    }

    /// The address in what uvicorn says once it listens.
    private static func address(in text: String) -> String? {
        guard let start = text.firstRange(of: "running on ")?.upperBound else { return nil }
        let rest = text[start...]
        guard let end = rest.firstIndex(of: " ") else { return nil }
        return String(rest[..<end])
    }
}
