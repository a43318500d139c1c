import ArgumentParser
import Terminal

/// `sluice demo`: a real batch through everything, with a worker killed on the way.
struct DemoCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run a batch of prompts through a queue of its own, and kill a worker on the way.",
        discussion: """
            Starts a private PostgreSQL, two mock deployments and their workers in a folder of its own, sends a file of \
            prompts as a batch, kills one worker with SIGKILL when some of it is done, waits, and proves that every prompt \
            was answered exactly once. Nothing is left running; the answers are.
            """)

    @Option(
        help: ArgumentHelp(
            "The folder for the queue and the answers; otherwise a fresh one in /tmp.", valueName: "dir"),
        completion: .directory)
    var data: String?
    @Option(help: ArgumentHelp("Prompts in OpenAI's batch format, for the model demo.", valueName: "file"))
    var prompts = "ops/samples/prompts.jsonl"
    @Option(
        help: ArgumentHelp("A GGUF model that answers a few questions at the end.", valueName: "file"),
        completion: .file(extensions: ["gguf"]))
    var model: String?
    @Flag(help: "Keep the queue's data, for `sluice up --data`.")
    var keep = false
    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let folder = try DemoFolder(data)
        let run = DemoRun(prompts: prompts, model: model.map(DemoModel.init), folder: folder, console: console)
        do {
            let report = try await DemoHost(folder: folder, backends: backends.directories).run(declare: run.declare) {
                target in
                try await run.report(on: target)
            }
            if !keep { try folder.removeQueue() }
            try report.show(console, folder, isKept: keep || !folder.isOurs)
            return report.isFlawless ? .ok : .failed
        } catch {
            if Task.isCancelled, !keep { try folder.removeQueue() }
            console.note("What the queue said is in \(folder.log)")
            throw error
        }
    }
}
