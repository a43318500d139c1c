import ArgumentParser
import Domain
import Queue
import Terminal

/// `sluice submit`: one request.
struct SubmitCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Queue one request, and with --wait print its answer.",
        discussion: """
            Prints the id of the job. With --wait it prints the answer's text instead, or with --json the job with its \
            whole answer, and ends with 0 when the job succeeded and with 1 when it did not.

              sluice submit --model demo --prompt 'Why is the sky blue?' --wait
              sluice submit --model demo --prompt 'Tell me a story.' --stream
              git diff | sluice submit --model demo --system 'Review this change.' --prompt - --wait
              sluice submit --body @request.json --at +10m --priority 4 --key nightly-1
            """)

    @OptionGroup(title: "The request") var request: SubmitRequestOptions
    @OptionGroup(title: "How it is queued") var queued: SubmitQueueOptions
    @Flag(help: "Wait for the answer and print it.")
    var wait = false
    @Flag(help: "Print the answer while it is made, as its pieces come.")
    var stream = false
    @Option(help: ArgumentHelp("With --wait or --stream: no longer than this. The job goes on.", valueName: "duration"))
    var timeout: JobsDuration?
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard wait || stream || timeout == nil else {
            throw ValidationError("--timeout goes with --wait or --stream.")
        }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let (model, payload) = try await request.made()
        let session = try await Session.open(database)
        var job = JobRequest(model: model, payload: payload)
        job.kind = request.kind
        job.isStreaming = stream
        try await queued.apply(to: &job, session)
        let id = try await session.queue.enqueue(job)
        guard wait || stream else {
            if console.options.isJSON { try console.show(["id": .integer(id)]) } else { try console.show(["\(id)"]) }
            return .ok
        }
        do {
            return try await answer(id, session.queue, console)
        } catch is CancellationError {
            console.note(
                "The job goes on: `sluice jobs wait \(id)` waits for it, `sluice jobs show \(id)` shows its answer.")
            throw CancellationError()
        }
    }

    private func answer(_ id: Int64, _ queue: Queue, _ console: Console) async throws -> ProcessExit {
        let shown = stream ? try await SubmitStream(queue, console, timeout: timeout?.value).follow(id) : ""
        if !shown.isEmpty { try console.show(piece: "\n") }
        let jobs = try await JobsWait(queue, console, timeout: timeout?.value).ended([id])
        let body = try await queue.answer(of: id)
        guard let job = jobs.first else { return .failed }
        if console.options.isJSON {
            try console.show(JobsShown.facts(job, request: nil, answer: body))
        } else if job.state == .succeeded, let body {
            // What was streamed is the answer, unless the backend does not stream or pieces were lost.
            let text = SubmitAnswer.text(body)
            if text != shown { try console.show(text: text) }
        } else {
            let reason = job.errorMessage ?? "no reason was given"
            throw CommandFailure(
                .failed, "Job \(id) is \(job.state.rawValue): \(reason).",
                fix: job.state.isDeadLetter ? "Try it again with `sluice jobs retry \(id)`." : nil)
        }
        return JobsShown.exit(jobs)
    }
}
