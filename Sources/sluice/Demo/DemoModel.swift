import Domain
import FoundationEssentials
import Queue
import Terminal

/// A real model at the end of the demonstration: a deployment of the local backend, and a few questions to it.
struct DemoModel: Sendable {
    /// A question, and what came of it.
    struct Exchange: Sendable {
        var question: String
        var answer: String
        var isAnswered: Bool
    }

    /// The GGUF file, absolute: a worker has a working folder of its own.
    let path: String

    private static let name = "tiny"
    /// What the model in the repository knows; others will know it too.
    private static let questions = [
        "Who are you?", "What is the capital of France?", "What is seven plus eight?", "What sound does an owl make?",
        "Tell me a story.",
    ]
    private static let timeout = Duration.seconds(120)

    init(path: String) {
        self.path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// Declares the model and its deployment.
    func declare(_ queue: Queue) async throws {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw CommandFailure(.noInput, "There is no model file at \(path).", fix: "Name one with --model.")
        }
        try await queue.putModel(Self.name)
        var request = DeploymentRequest(model: Self.name, name: "demo-model", backend: "local")
        let configuration: JSONOutput = ["model": .string(path), "context": .integer(512)]
        request.configuration = Array(configuration.text.utf8)
        (request.workers, request.slots) = (1, Int32(Self.questions.count))
        try await queue.putDeployment(request)
    }

    /// Asks all questions at once, and waits for the answers.
    func answers(_ queue: Queue, _ console: Console) async throws -> [Exchange] {
        let payloads = Self.questions.map { question in
            let body: JSONOutput = [
                "model": .string(Self.name), "temperature": .integer(0), "max_tokens": .integer(100),
                "messages": .array([["role": .string("user"), "content": .string(question)]]),
            ]
            return Array(body.text.utf8)
        }
        let jobs = try await queue.enqueue(model: Self.name, payloads: payloads)
        let ended = try await JobsWait(queue, console, timeout: Self.timeout).ended(jobs)
        var exchanges: [Exchange] = []
        for (question, job) in zip(Self.questions, ended) {
            if job.state == .succeeded, let body = try await queue.answer(of: job.id) {
                exchanges.append(Exchange(question: question, answer: SubmitAnswer.text(body), isAnswered: true))
            } else {
                let reason = job.errorMessage ?? job.state.rawValue
                exchanges.append(Exchange(question: question, answer: reason, isAnswered: false))
            }
        }
        return exchanges
    }
}
