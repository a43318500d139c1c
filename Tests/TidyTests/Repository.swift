import FoundationEssentials
import Subprocess

/// The repository these tests are part of.
enum Repository {
    /// Its folder, absolute.
    static let folder: String = {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    private static let textSuffixes = [
        ".swift", ".c", ".h", ".sql", ".sh", ".md", ".map", ".modulemap", ".jsonl", ".yaml", ".yml", ".json",
    ]
    private static let textFiles: Set = ["Makefile", ".ci/run", ".gitignore", ".swift-format"]

    /// Paths of every file git tracks, or would: what is ignored is left out. Every file outside a checkout.
    static func paths() async throws -> [String] {
        guard FileManager.default.fileExists(atPath: "\(folder)/.git") else { return try walk() }
        let listing = try await run(
            .name("git"),
            arguments: ["-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            output: .string(limit: 4 << 20)
        )
        return listing.standardOutput.split(separator: "\0").map(String.init).filter {
            FileManager.default.fileExists(atPath: "\(folder)/\($0)")
        }
    }

    /// Paths of the files that are in git's index, nil outside a checkout.
    static func trackedPaths() async throws -> [String]? {
        guard FileManager.default.fileExists(atPath: "\(folder)/.git") else { return nil }
        let listing = try await run(
            .name("git"), arguments: ["-C", folder, "ls-files", "-z"], output: .string(limit: 4 << 20))
        return listing.standardOutput.split(separator: "\0").map(String.init)
    }

    /// The text files with a path that satisfies `isWanted`.
    static func files(where isWanted: (String) -> Bool = { _ in true }) async throws -> [SourceFile] {
        try await paths().filter { path in
            isWanted(path) && (textFiles.contains(path) || textSuffixes.contains { path.hasSuffix($0) })
        }.map { SourceFile(path: $0, text: try text(of: $0)) }
    }

    static func swiftFiles() async throws -> [SourceFile] { try await files { $0.hasSuffix(".swift") } }

    static func text(of path: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(path)") }

    private static func walk() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".build/") }
    }
}
