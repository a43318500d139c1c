import BackendHost
import Domain
import TestSupport
import Testing
import UpstreamSupport

/// The library as workers load it.
@Suite(.serialized, .timeLimit(.minutes(30))) struct BackendTests {
    private static func file() throws -> BackendFile {
        let folder = try Products.folder
        return try BackendFile.verify(
            path: try BackendFile.locate("openai", in: [folder]), allowedDirectories: [folder])
    }

    /// What a sound server answers, whatever it is asked.
    @Sendable private static func answer(_ request: ScriptedServer.Request, _ number: Int) -> Script {
        let usage = #""usage":{"prompt_tokens":1,"completion_tokens":1}"#
        guard request.body.contains(#""stream":true"#) else { return .answer(#"{"id":"x",\#(usage)}"#) }
        switch request.path {
        case "/v1/completions":
            return .events([
                #"data: {"choices":[{"index":0,"text":"x","finish_reason":"stop"}]}"# + "\n\n", "data: [DONE]\n\n",
            ])
        case "/v1/responses":
            return .events([#"data: {"type":"response.completed","response":{"id":"r",\#(usage)}}"# + "\n\n"])
        default: return .events([Script.delta(#"{"content":"x"}"#, finish: #""stop""#), "data: [DONE]\n\n"])
        }
    }

    @Test func theCheckerFindsNothing() async throws {
        try await ScriptedServer.with(answer: Self.answer) { server in
            let configuration = #"{"base_url":"\#(server.url)"}"#
            let check = BackendCheck(
                configuration: Array(configuration.utf8), calls: 200, timeLimit: .seconds(300))
            let file = try Self.file()
            let findings = await check.run(
                file,
                command: [
                    try Products.path(of: "sluice"), "backends", "trial", file.path, configuration, "\(check.calls)",
                    "300000",
                ])
            #expect(findings.filter { !$0.passed } == [])
            #expect(findings.count >= 20)
        }
    }

    @Test func theDescriptorSaysWhatItCan() throws {
        let backend = try Backend.load(try Self.file())
        #expect(backend.descriptor.name == "openai" && backend.descriptor.canStream)
        #expect(backend.descriptor.capabilities == [.chat, .completion, .embedding, .response])
    }

    @Test func theUpstreamsErrorCrossesTheInterface() async throws {
        let error = #"{"error":{"message":"long","code":"context_length_exceeded"}}"#
        try await ScriptedServer.with(answer: { _, _ in .answer(400, error) }) { server in
            let instance = try Backend.load(try Self.file()).makeInstance(
                configuration: Array(#"{"base_url":"\#(server.url)"}"#.utf8), slots: 1)
            let outcome = await instance.execute(
                BackendCall(job: 1, attempt: 1, kind: .chat, body: Array(Client.question.utf8)))
            guard case .failed(.invalidRequest, let message, nil, let body) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(message.contains("longer than the model's context") && body == Array(error.utf8))
            instance.destroy()
            await server.wait { $0.open == 0 }
        }
    }
}
