import FoundationEssentials
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DemoTests {
    @Test func everythingIsAnsweredOnceAndNothingIsLeft() async throws {
        try await TemporaryFolder.with { folder in
            let prompts = folder.path + "/prompts.jsonl"
            // Enough that a busy machine is in time to kill a worker in the middle of them.
            let lines = (0..<160).map {
                #"{"custom_id": "p\#($0)", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "demo", "messages": [{"role": "user", "content": "Prompt \#($0)"}]}}"#
            }
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: prompts))
            let data = folder.path + "/demo"
            let demo = try await RunningQueue.sluice(
                ["demo", "--json", "--data", data, "--prompts", prompts, "--backends", try Products.folder])
            #expect(demo.status == 0, "\(demo)")
            #expect(demo.output.contains(#""succeeded": 160"#) && demo.output.contains(#""lost": 0, "twice": 0"#))
            #expect(
                try String(contentsOfFile: data + "/answers.jsonl", encoding: .utf8).split(separator: "\n").count == 160
            )
            #expect(!FileManager.default.fileExists(atPath: data + "/queue"))
        }
    }
}
