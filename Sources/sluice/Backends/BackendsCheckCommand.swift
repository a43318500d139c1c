import ArgumentParser
import BackendHost
import Foundation
import Subprocess
import SystemPackage
import Terminal

/// Tries whether a backend keeps its contract.
struct BackendsCheckCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Try whether a backend keeps the contract.",
        discussion: "Everything happens in processes of their own: a backend that crashes fails the check, not you.")

    /// Bytes of findings and of the backend's own words that are read.
    private static let outputLimit = 1 << 20

    @Argument(help: "The backend's file or name.", completion: .file(extensions: ["so"]))
    var backend: String

    @Option(help: ArgumentHelp("A configuration under which it can answer: JSON, or @FILE.", valueName: "json"))
    var config: TextArgument?

    @Option(help: "Calls of the longer trials.")
    var calls = 2_000

    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    private struct Finding: Decodable {
        var name: String
        var passed: Bool
        var detail: String
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let found = try await backends.inspect(backend)
        console.note("Checking \(found.descriptor.name) \(found.descriptor.version), \(found.file.path)")
        let result = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: ["backends", "trial", found.file.path, try config?.text() ?? "{}", "\(calls)"],
            output: .bytes(limit: Self.outputLimit), error: .bytes(limit: Self.outputLimit))
        var findings: [Finding] = []
        for line in result.standardOutput.split(separator: UInt8(ascii: "\n")) {
            do {
                findings.append(try JSONDecoder().decode(Finding.self, from: Data(line)))
            } catch {
                // The backend printed something of its own.
                continue
            }
        }
        if !result.terminationStatus.isSuccess {
            let words = String(decoding: result.standardError.suffix(500), as: UTF8.self)
            findings.append(
                Finding(
                    name: "leaves its process alive", passed: false,
                    detail: "\(result.terminationStatus)\(words.isEmpty ? "" : ": " + words)"))
        }
        try show(findings, console)
        let failures = findings.count { !$0.passed }
        if findings.isEmpty { throw CommandFailure(.failed, "The check of \(found.file.path) found nothing out.") }
        if failures == 0 {
            console.note("The backend passes all \(findings.count) checks.")
        } else {
            console.note("The backend fails \(failures) of \(findings.count) checks.")
        }
        return failures == 0 ? .ok : .failed
    }

    private func show(_ findings: [Finding], _ console: Console) throws {
        var table = TextTable([
            .init("", key: "status"), .init("check", key: "check"), .init("seen", key: "detail", canShrink: true),
        ])
        for finding in findings {
            table.append([.word(finding.passed ? "ok" : "failed"), .text(finding.name), .text(finding.detail)])
        }
        try console.show(table)
    }
}
