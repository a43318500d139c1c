import ArgumentParser
import Domain
import Queue
import Terminal

/// What a submit asks for.
struct SubmitRequestOptions: ParsableArguments {
    @Option(help: "The model. With --body it may be left out when the body names it.")
    var model: String?
    @Option(help: ArgumentHelp("The prompt; - reads standard input.", valueName: "text"))
    var prompt: String?
    @Option(help: ArgumentHelp("The whole request as JSON; @FILE reads a file, - standard input.", valueName: "json"))
    var body: String?
    @Option(help: "What is asked for: chat, completion, embedding or response.")
    var kind = JobKind.chat
    @Option(help: ArgumentHelp("A system message before the prompt of a chat.", valueName: "text"))
    var system: String?
    @Option(help: ArgumentHelp("The most tokens the answer may have.", valueName: "n"))
    var maxTokens: Int64?
    @Option(help: ArgumentHelp("The sampling temperature.", valueName: "number"))
    var temperature: Double?
    @Option(help: ArgumentHelp("The sampling seed.", valueName: "n"))
    var seed: Int64?

    func validate() throws {
        guard (prompt == nil) != (body == nil) else { throw ValidationError("Give either --prompt or --body.") }
        guard body != nil || model != nil else { throw ValidationError("Say which model with --model.") }
        guard body == nil || (system == nil && maxTokens == nil && temperature == nil && seed == nil) else {
            throw ValidationError(
                "--system, --max-tokens, --temperature and --seed go with --prompt: write them into the body.")
        }
        guard system == nil || kind == .chat else { throw ValidationError("--system goes with --kind chat.") }
        guard maxTokens.map({ $0 > 0 }) ?? true else { throw ValidationError("--max-tokens is at least 1.") }
    }

    /// The model and the request.
    func made() async throws -> (model: String, payload: [UInt8]) {
        guard let body else {
            guard let model, let prompt else { throw ValidationError("Give --model and --prompt.") }
            var made = SubmitBody(kind: kind, model: model)
            made.prompt = prompt == "-" ? try await SubmitInput.read("-") : Array(prompt.utf8)
            guard !made.prompt.isEmpty else { throw CommandFailure(.dataInvalid, "The prompt is empty.") }
            made.system = system
            made.maximumTokens = maxTokens
            made.temperature = temperature
            made.seed = seed
            return (model, made.json)
        }
        let payload: [UInt8] =
            if body == "-" {
                try await SubmitInput.read("-")
            } else if body.hasPrefix("@") {
                try await SubmitInput.read(String(body.dropFirst()))
            } else { Array(body.utf8) }
        let named = try SubmitBody.model(of: payload)
        if let model, let named, model != named {
            throw CommandFailure(
                .dataInvalid, "The body asks for the model \"\(named)\", --model for \"\(model)\".",
                fix: "Leave --model out, or name the same one.")
        }
        guard let model = model ?? named else {
            throw CommandFailure(.dataInvalid, "The body names no model.", fix: "Say which with --model.")
        }
        return (model, payload)
    }
}

/// How a submit's job is queued.
struct SubmitQueueOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Not before this time: +10m, or 2026-05-01T12:00:00Z.", valueName: "time"))
    var at: JobsTime?
    @Option(help: ArgumentHelp("0 (first) to 4 (last).", valueName: "0-4"))
    var priority = Priority.normal
    @Option(help: ArgumentHelp("An idempotency key: a second submit with it finds the first job.", valueName: "key"))
    var key: String?
    @Option(help: ArgumentHelp("Give up after this time: +30s, or 2026-05-01T12:00:00Z.", valueName: "time"))
    var deadline: JobsTime?
    @Option(help: ArgumentHelp("Jobs of one affinity go to one deployment.", valueName: "text"))
    var affinity: String?
    @Option(help: ArgumentHelp("How often it may fail; otherwise what the model says.", valueName: "n"))
    var maxAttempts: Int?
    @Option(help: ArgumentHelp("The owner.", valueName: "name"))
    var tenant = "default"

    func validate() throws {
        guard maxAttempts.map({ 1...100 ~= $0 }) ?? true else { throw ValidationError("--max-attempts is 1 to 100.") }
        guard key.map({ 1...256 ~= $0.utf8.count }) ?? true else { throw ValidationError("--key has 1 to 256 bytes.") }
        guard affinity.map({ 1...512 ~= $0.utf8.count }) ?? true else {
            throw ValidationError("--affinity has 1 to 512 bytes.")
        }
    }

    /// Puts all of it into `job`; times are those of the database of `session`.
    func apply(to job: inout JobRequest, _ session: Session) async throws {
        job.priority = priority
        job.runAt = try await at?.moment(on: session.connection, option: "--at")
        job.deadline = try await deadline?.moment(on: session.connection, option: "--deadline")
        job.idempotencyKey = key
        job.affinity = affinity
        job.maximumAttempts = maxAttempts
        job.tenant = tenant
    }
}
