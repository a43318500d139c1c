import ArgumentParser
import Domain
import Queue
import Terminal

/// What was asked, job by job.
struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Look at jobs, wait for them, cancel them, try them again.",
        subcommands: [
            JobsListCommand.self, JobsShowCommand.self, JobsWaitCommand.self, JobsCancelCommand.self,
            JobsRetryCommand.self,
        ])
}

/// `sluice jobs list`
struct JobsListCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List jobs, the newest first.",
        discussion: "The next page: --before with the last id of this one.")

    @Option(help: ArgumentHelp("Only jobs in this state.", valueName: "state"))
    var state: JobState?
    @Option(help: "Only jobs of this model.")
    var model: String?
    @Option(help: "Only jobs of this batch.")
    var batch: Int32?
    @Option(help: "At most so many, up to 1,000.")
    var limit = 50
    @Option(help: ArgumentHelp("Only jobs older than this one.", valueName: "id"))
    var before: Int64?
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        guard 1...1_000 ~= limit else { throw ValidationError("--limit is 1 to 1000.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let session = try await Session.open(database)
        var filter = JobFilter()
        (filter.state, filter.model, filter.batch) = (state, model, batch)
        (filter.before, filter.limit) = (before, limit)
        let jobs = try await session.queue.jobs(filter)
        if jobs.isEmpty { console.note("There are no such jobs.") } else { try console.show(JobsShown.table(jobs)) }
        if jobs.count == limit, let last = jobs.last { console.note("There may be more: add --before \(last.id)") }
        return .ok
    }
}

/// `sluice jobs show`
struct JobsShowCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that is known of a job, with its request and answer.")

    @Argument(help: "The job.")
    var id: Int64
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await Session.open(database).queue
        guard let job = try await queue.status(of: [id]).first else {
            throw CommandFailure(.noInput, "There is no job \(id).", fix: "`sluice jobs list` shows the newest.")
        }
        let request = try await queue.payload(of: id)
        try console.show(JobsShown.facts(job, request: request, answer: try await queue.answer(of: id)))
        return .ok
    }
}

/// `sluice jobs wait`
struct JobsWaitCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until jobs have ended.",
        discussion: "Ends with 0 when all of them succeeded, with 1 when one did not, with 75 when time ran out.")

    @Argument(help: "The jobs.")
    var ids: [Int64]
    @Option(help: ArgumentHelp("Wait no longer than this.", valueName: "duration"))
    var timeout: JobsDuration?
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let queue = try await Session.open(database).queue
        let jobs = try await JobsWait(queue, console, timeout: timeout?.value).ended(ids)
        try console.show(JobsShown.table(jobs))
        return JobsShown.exit(jobs)
    }
}
