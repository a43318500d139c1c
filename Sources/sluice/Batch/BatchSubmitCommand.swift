import ArgumentParser
import BatchFile
import BatchLoading
import Domain
import Queue
import Terminal

/// `sluice batch submit`
struct BatchSubmitCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Send a file of requests, and with --wait collect their results.",
        discussion: """
            Every line is a JSON object with custom_id, method (POST), url and body. A file with wrong lines is refused as \
            a whole, with all of them listed. The requests run while the rest of the file is still being sent.

            Interrupted, by whatever: the same command again goes on where it stopped. With --wait it ends with 0 when \
            every request was answered, with 1 when some were not.

              sluice batch submit requests.jsonl --wait --output answers.jsonl --errors errors.jsonl
            """)

    @Argument(help: "The file; - is standard input.", completion: .file(extensions: ["jsonl"]))
    var file: String
    @Flag(help: "Wait until every request has ended, then write the results.")
    var wait = false
    @Flag(help: "Leave wrong lines out instead of refusing the file; they go to the error file.")
    var skipInvalid = false
    @Option(help: ArgumentHelp("0 (first) to 4 (last).", valueName: "0-4"))
    var priority = Priority.batch
    @Option(help: "What to call the batch; otherwise the file's name.")
    var name: String?
    @Option(help: ArgumentHelp("The owner.", valueName: "name"))
    var tenant = "default"
    @OptionGroup var files: BatchFiles
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard name.map({ 1...1_024 ~= $0.utf8.count }) ?? true else {
            throw ValidationError("--name has 1 to 1024 bytes.")
        }
        guard wait || files.answers == nil else {
            throw ValidationError("--output goes with --wait: without it, `sluice batch results` writes what is done.")
        }
        guard wait || skipInvalid || files.errors == nil else {
            throw ValidationError("--errors goes with --wait or --skip-invalid.")
        }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        let input = try BatchFile(path: file)
        var options = BatchLoader.Options(name: name ?? String(input.path.suffix(1_024)))
        (options.priority, options.tenant, options.skipsInvalid) = (priority, tenant, skipInvalid)
        let second = try await Session.open(session.target, requireSchema: false).connection
        let loader = BatchLoader(session.connection, second: second, options: options)
        let summary = try await check(input, loader, console)
        var begun: Int32?
        do {
            let batch = try await load(input, summary, loader, console) { begun = $0 }
            let hasProblems = summary.problemCount > 0
            guard wait else {
                if hasProblems, let errors = files.errors { try await writeProblems(of: input, to: errors) }
                return try await submitted(batch, summary, session.queue, console)
            }
            let progress = try await BatchWait(session.queue, console).ended(batch)
            try await files.write(
                batch, total: progress.total, of: session.queue, invalid: hasProblems ? input : nil, console)
            try BatchFiles.show(progress, files, console)
            return hasProblems ? .failed : BatchShown.exit(progress)
        } catch {
            if let begun, !(error is CommandFailure) || Task.isCancelled { tellHowToGoOn(begun, console) }
            throw error
        }
    }

    /// Reads the whole file before anything is queued.
    private func check(_ input: BatchFile, _ loader: BatchLoader, _ console: Console) async throws -> BatchSummary {
        let progress = BatchCheckProgress(input.size, console)
        let summary = try await loader.check(input) { progress.advanced(to: $0) }
        progress.finish()
        guard !summary.isValid else { return summary }
        if summary.lines == 0 || !skipInvalid {
            try BatchProblems(summary, of: input.path).refuse(console)
        }
        BatchProblems(summary, of: input.path).warn(console)
        return summary
    }

    private func load(
        _ input: BatchFile, _ summary: BatchSummary, _ loader: BatchLoader, _ console: Console,
        begun: (Int32) -> Void
    ) async throws -> Int32 {
        var display = ProgressDisplay(ProgressMeter("loading", total: Int64(summary.lines)), on: console)
        defer { display.finish() }
        return try await loader.load(input, summary) { event in
            switch event {
            case .opened(let batch, let loaded, let resumed):
                begun(batch)
                if resumed {
                    console.note(
                        "batch \(batch) was begun before: \(HumanFormat.count(Int64(loaded))) requests are loaded already"
                    )
                }
                display.resumed(at: Int64(loaded))
            case .loaded(let loaded): display.advanced(to: Int64(loaded))
            }
        }
    }

    @concurrent
    private func writeProblems(of input: BatchFile, to path: String) async throws {
        var files = try ResultFiles(output: nil, errors: path)
        try files.append(problemsOf: input)
        try files.finish()
    }

    private func submitted(
        _ batch: Int32, _ summary: BatchSummary, _ queue: Queue, _ console: Console
    ) async throws -> ProcessExit {
        if console.options.isJSON {
            if let progress = try await queue.progress(of: batch) { try console.show(BatchShown.facts(progress)) }
        } else {
            try console.show(["\(batch)"])
            console.note("`sluice batch wait \(batch) --output FILE` waits for the results and writes them")
        }
        return .ok
    }

    private func tellHowToGoOn(_ batch: Int32, _ console: Console) {
        console.note(
            """
            Batch \(batch) goes on without this command. The same command again takes it up; so does
              sluice batch wait \(batch)\(files.answers.map { " --output \($0)" } ?? "")
            once it is loaded.
            """)
    }
}
