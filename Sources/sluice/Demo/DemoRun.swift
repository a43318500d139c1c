import BatchFile
import BatchLoading
import Postgres
import Queue
import Terminal

/// What the demonstration does once the queue is up.
struct DemoRun: Sendable {
    let prompts: String
    let model: DemoModel?
    let folder: DemoFolder
    let console: Console

    /// Slow enough to watch and fast enough not to bore: some six seconds for 250 prompts.
    private static let mock =
        #"{"latency_ms": 180, "latency_distribution": "lognormal", "latency_deviation_ms": 70, "completion_tokens": 40}"#
    private static let deployments = ["demo-a", "demo-b"]
    private static let workers: Int32 = 2
    private static let slots: Int32 = 2
    /// How much is done when a worker is killed.
    private static let killAt = 0.4
    private static let startLimit = Duration.seconds(30)

    private static let ready = Statement(
        "demo_ready",
        """
        select count(*) filter (where w.state = 'running') = $2::bigint and bool_and(w.revision = d.revision)
        from sluice.deployment d left join sluice.worker w on w.deployment_id = d.id and w.ended_at is null
        where d.name = any ($1)
        """)

    /// Runs the batch and kills a worker on the way.
    func report(on target: DatabaseTarget) async throws -> DemoReport {
        let began = ContinuousClock.now
        let session = try await Session.open(target)
        let second = try await Session.open(target)
        try await waitForWorkers(session)
        step(
            "The queue is up: a PostgreSQL of its own, \(Self.deployments.count * Int(Self.workers)) workers of \(Self.slots) slots, each with its backend loaded"
        )
        var report = DemoReport()
        report.start = .now - began
        let batch = try await load(session, second)
        try await watch(batch, session, &report)
        let written = try await write(batch, session.queue)
        step("Everything has ended; the answers are written")
        try await report.find(batch, written: written, on: session)
        if let model {
            report.conversation = try await model.answers(session.queue, console)
            step("\(model.path) was asked \(report.conversation.count) questions, all at once")
        }
        return report
    }

    /// Declares the model and its deployments.
    func declare(_ queue: Queue) async throws {
        try await queue.putModel("demo")
        for name in Self.deployments {
            var request = DeploymentRequest(model: "demo", name: name, backend: "mock")
            request.configuration = Array(Self.mock.utf8)
            (request.workers, request.slots) = (Self.workers, Self.slots)
            try await queue.putDeployment(request)
        }
        try await model?.declare(queue)
    }

    /// Waits until every worker has its backend loaded.
    private func waitForWorkers(_ session: Session) async throws {
        let wanted = Int64(Self.deployments.count) * Int64(Self.workers)
        let deadline = ContinuousClock.now + Self.startLimit
        var pace = JobsPace()
        while true {
            let rows = try await session.connection.query(Self.ready, Self.deployments, wanted)
            if let row = rows.first, try row.decode(0, as: Bool?.self) == true { return }
            guard ContinuousClock.now < deadline else {
                throw CommandFailure(
                    .unavailable, "The workers did not start within \(HumanFormat.duration(Self.startLimit)).")
            }
            try await pace.wait(until: deadline)
        }
    }

    private func load(_ session: Session, _ second: Session) async throws -> Int32 {
        let file = try BatchFile(path: prompts)
        let loader = BatchLoader(session.connection, second: second.connection, options: .init(name: file.path))
        let summary = try await loader.check(file)
        if !summary.isValid { try BatchProblems(summary, of: file.path).refuse(console) }
        let began = ContinuousClock.now
        let batch = try await loader.load(file, summary)
        step("\(summary.lines) requests of \(file.path) are queued after \(HumanFormat.duration(.now - began))")
        return batch
    }

    /// Waits for the end, and kills a worker on the way.
    private func watch(_ batch: Int32, _ session: Session, _ report: inout DemoReport) async throws {
        var display = ProgressDisplay(ProgressMeter("answered"), on: console)
        var pace = JobsPace()
        while true {
            guard let progress = try await session.queue.progress(of: batch) else { throw BatchShown.missing(batch) }
            display.total(is: Int64(progress.total))
            display.advanced(to: Int64(progress.done), failed: Int64(progress.unsuccessful))
            if progress.isComplete {
                display.finish()
                return
            }
            if report.kill == nil, Double(progress.done) >= Self.killAt * Double(progress.total),
                let kill = try await DemoKill.killed(on: session)
            {
                report.kill = kill
                step(
                    "Killed worker \(kill.worker) (process \(kill.processID)) with SIGKILL after \(progress.done) answers, in the middle of \(kill.held)"
                )
            }
            try await pace.wait()
            pace.quicken()
        }
    }

    private func write(_ batch: Int32, _ queue: Queue) async throws -> BatchResults.Count {
        var files = try ResultFiles(output: folder.answers, errors: folder.errors)
        let count = try await BatchResults(queue, batch: batch).write(to: &files)
        try files.finish()
        return count
    }

    private func step(_ text: String) { console.note(console.errorPalette.paint("•", .cyan) + " " + text) }
}
