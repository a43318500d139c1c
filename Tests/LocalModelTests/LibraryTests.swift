import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import LocalModel

/// What is not the libllama the backend was built with. In another process: this one keeps the library it has loaded.
@Suite(.enabled(if: TinyModel.isThere, "libllama is not built: run ops/llama.sh")) struct LibraryTests {
    /// Compiles a library that is libllama but for what `source` defines, and returns its folder.
    private func library(_ source: String, in folder: URL) async throws {
        let llama = try #require(TinyModel.built) + "/libllama"
        try Data("#include <llama.h>\n\(source)\n".utf8).write(to: folder.appendingPathComponent("other.c"))
        let arguments = [
            "-shared", "-fPIC", "-I", llama + "/include", "-o", folder.path + "/libllama.so", folder.path + "/other.c",
            "-L", llama + "/lib", "-Wl,--no-as-needed", "-lllama", "-Wl,-rpath,\(llama)/lib",
        ]
        let compiled = try await run(
            .name("cc"), arguments: Arguments(arguments), output: .discarded, error: .string(limit: 1 << 16))
        try #require(compiled.terminationStatus.isSuccess, "\(compiled.standardError)")
    }

    @Test(arguments: [
        (#"const char *llama_version(void) { return "b0"; }"#, "is libllama b0, and this backend was built with"),
        (
            "struct llama_context_params llama_context_default_params(void) "
                + "{ struct llama_context_params none = {0}; return none; }", "is not the known one"
        ),
    ])
    func anotherLibraryIsRefusedAndNamed(source: String, sentence: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-llama-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await library(source, in: folder)
        let configuration = #"{"model":"\#(TinyModel.path)","library":"\#(folder.path)"}"#
        let checked = try await run(
            .path(FilePath(TinyModel.products + "/sluice")),
            arguments: [
                "backends", "check", "local", "--backends", TinyModel.products, "--only", "starts", "--config",
                configuration,
            ], output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        let said = checked.standardOutput + checked.standardError
        #expect(checked.terminationStatus == .exited(1) && said.contains(sentence), "\(said)")
        try FileManager.default.removeItem(at: folder)
    }
}
