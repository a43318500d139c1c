import BackendHost
import Domain
import Foundation
import Subprocess
import SystemPackage
import Testing

/// The backends the tests load: the package's own, found beside the test program, and bad ones compiled on the spot.
enum BackendProducts {
    /// Where the build put its products.
    static let directory: String = {
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return program.deletingLastPathComponent().path
    }()

    static func load(_ name: String) throws -> Backend {
        let path = try BackendFile.locate(name, in: [directory])
        return try Backend.load(BackendFile.verify(path: path, allowedDirectories: [directory]))
    }

    static func file(_ name: String) throws -> BackendFile {
        let path = try BackendFile.locate(name, in: [directory])
        return try BackendFile.verify(path: path, allowedDirectories: [directory])
    }

    /// A library of `puppet.c.txt`, compiled with these definitions.
    static func puppet(_ definitions: String...) async throws -> BackendFile {
        let folder = try TemporaryFolder()
        let path = try await folder.compile(PackageResources.puppet_c_txt, definitions)
        return try BackendFile.verify(path: path, allowedDirectories: [folder.path])
    }

    /// A library of `broken.c.txt`, compiled with these definitions.
    static func broken(_ definitions: String...) async throws -> BackendFile {
        let folder = try TemporaryFolder()
        let path = try await folder.compile(PackageResources.broken_c_txt, definitions)
        return try BackendFile.verify(path: path, allowedDirectories: [folder.path])
    }

    /// A call of the job number the puppet knows.
    static func call(_ job: Int64, streaming: Bool = false) -> BackendCall {
        BackendCall(job: 1_000 + job, attempt: 1, kind: .chat, body: Array("{}".utf8), isStreaming: streaming)
    }
}

/// A folder under the temporary one; left for the system to clean, since libraries in it stay loaded.
struct TemporaryFolder {
    /// Where `sluice_backend.h` is.
    static let headerFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/BackendABI/include").path

    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        path = url.resolvingSymlinksInPath().path
    }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8], mode: Int = 0o644) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    func compile(_ source: [UInt8], _ definitions: [String], library: Bool = true) async throws -> String {
        let input = try write("source.c", source)
        let output = path + (library ? "/libPuppet.so" : "/program")
        let result = try await run(
            .name("cc"),
            arguments: Arguments(
                ["-w", "-O1", "-fvisibility=hidden", "-I", Self.headerFolder] + (library ? ["-shared", "-fPIC"] : [])
                    + definitions.map { "-D" + $0 } + ["-o", output, input, "-lpthread", "-ldl"]
            ),
            output: .discarded,
            error: .string(limit: 65_536)
        )
        try #require(result.terminationStatus.isSuccess, "\(result.standardError)")
        return output
    }
}
