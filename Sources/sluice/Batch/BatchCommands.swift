import ArgumentParser
import Queue
import Terminal

/// `sluice batch status`
struct BatchStatusCommand: SluiceCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Show how far a batch is.")

    @OptionGroup var batch: BatchTarget
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await batch.open()
        let progress = try await batch.progress(in: queue)
        try console.show(BatchShown.facts(progress))
        return .ok
    }
}

/// `sluice batch wait`
struct BatchWaitCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until a batch has ended, and write its results.",
        discussion: """
            Ends with 0 when every request was answered, with 1 when some were not, with 75 when time ran out.
            """)

    @OptionGroup var batch: BatchTarget
    @Option(help: ArgumentHelp("Wait no longer than this.", valueName: "duration"))
    var timeout: JobsDuration?
    @OptionGroup var files: BatchFiles
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await batch.open()
        let progress = try await BatchWait(queue, console, timeout: timeout?.value).ended(batch.id)
        try await files.write(batch.id, total: progress.total, of: queue, console)
        try BatchFiles.show(progress, files, console)
        return BatchShown.exit(progress)
    }
}

/// `sluice batch cancel`
struct BatchCancelCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel what of a batch has not ended.",
        discussion: "Requests that run are told to stop. What was answered stays answered.")

    @OptionGroup var batch: BatchTarget
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await batch.open()
        let cancelled = try await queue.cancelBatch(batch.id)
        let progress = try await batch.progress(in: queue)
        if console.options.isJSON {
            try console.show(BatchShown.facts(progress))
        } else {
            try console.show([
                // It may have ended of this very call by now.
                progress.hasEnded && cancelled == 0
                    ? "Batch \(batch.id) had ended before."
                    : "\(HumanFormat.count(Int64(cancelled))) requests were cancelled; those that run are told to stop."
            ])
        }
        return .ok
    }
}

/// `sluice batch list`
struct BatchListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List batches, the newest first.")

    @Option(help: "At most so many, up to 1,000.")
    var limit: Int32 = 50
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard 1...1_000 ~= limit else { throw ValidationError("--limit is 1 to 1000.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let batches = try await Session.open(database).queue.batches(limit: limit)
        if batches.isEmpty {
            console.note("There are no batches.")
        } else {
            try console.show(BatchShown.table(batches))
        }
        return .ok
    }
}

/// `sluice batch results`
struct BatchResultsCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "results", abstract: "Write the results of a batch that are there by now.",
        discussion: "Without --output and --errors the answers go to standard output.")

    @OptionGroup var batch: BatchTarget
    @OptionGroup var files: BatchFiles
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await batch.open()
        let progress = try await batch.progress(in: queue)
        var files = files
        if !files.areWanted { files.answers = "-" }
        try await files.write(batch.id, total: progress.loaded, of: queue, console)
        return .ok
    }
}

extension BatchFiles {
    /// Shows the end of a batch, unless its answers went where it would be shown.
    static func show(_ progress: BatchProgress, _ files: BatchFiles, _ console: Console) throws {
        guard files.answers != "-", files.errors != "-" else { return }
        if console.options.isJSON {
            try console.show(BatchShown.facts(progress))
        } else {
            try console.show(BatchShown.table([progress]))
        }
    }
}
