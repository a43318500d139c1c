import Fleet
import FoundationEssentials
import Glibc
import Lifeline
import Logging
import Postgres
import Queue
import Supervisor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct SupervisorTests {
    @Test(.database) func `as many are started as are wanted, and the change of it is followed`() async throws {
        try await Stage.with(workers: 2) { stage in
            try await stage.supervise(stage.settings("exec cat")) {
                _ = try await stage.started(2)
                try await stage.put(workers: 3)
                _ = try await stage.started(3)
                try await stage.put(workers: 1)
                try await eventually("two are gone") { stage.alive.count == 1 }
                #expect(stage.alive == [stage.processIDs[0]] || stage.alive == [stage.processIDs[1]])
            }
        }
    }

    @Test(.database) func `one that is killed is started again`() async throws {
        try await Stage.with(workers: 1) { stage in
            try await stage.supervise(stage.settings("exec cat")) {
                let first = try await stage.started(1)
                kill(first[0], SIGKILL)
                let both = try await stage.started(2)
                #expect(stage.alive == [both[1]])
            }
        }
    }

    @Test(.database, arguments: [(SIGSEGV, true), (SIGKILL, false)])
    func `a dead worker's jobs are queued again at once, charged if it crashed`(signal: Int32, isCharged: Bool)
        async throws
    {
        try await Stage.with(workers: 1) { stage in
            let queue = stage.queue
            let job = try await queue.enqueue(.init(model: "m", payload: Array("{}".utf8)))
            let worker = try await queue.workerStarted(deployment: "d", host: "here", processID: 1, direct: false)
                .worker
            let claimed = try await queue.claim(worker: worker, limit: 1).jobs.map(\.id)
            #expect(claimed == [job])
            let board = try SlotBoard(path: "\(stage.folder.path)/board", slots: 8)
            board.registered(worker: worker)
            board.set(slot: 3, job: job)

            let script = """
                if mkdir $3/once 2>/dev/null; then cp $3/board $2; echo 'my last words' >&2; kill -\(signal) $$; fi
                exec cat
                """
            try await stage.supervise(stage.settings(script)) {
                try await eventually("the end is told") {
                    try await stage.text("select state::text from sluice.worker where id = \(worker)") == "dead"
                }
                #expect(
                    try await stage.text("select signal || ' ' || last_words from sluice.worker where id = \(worker)")
                        == "\(signal) my last words\n")
                let suspects = try await stage.text("select string_agg(id::text, ',') from sluice.suspect")
                let ready = try await stage.text("select string_agg(id::text, ',') from sluice.ready")
                #expect(suspects == (isCharged ? "\(job)" : nil))
                #expect(ready == (isCharged ? nil : "\(job)"))
                _ = try await stage.started(2)
            }
            let ended = try #require(stage.recorder.entries.first { $0.message == "A worker ended." })
            #expect(ended.metadata["worker.id"] == "\(worker)")
            #expect(Double(ended.metadata["duration.ms"] ?? "") != nil)
            #expect(stage.recorder.entries.contains { $0.metadata["text"] == "my last words" })
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(stage.folder.path)/run")
            #expect(left == [])
        }
    }

    @Test(.database) func `a crash loop is held, and a row says so`() async throws {
        try await Stage.with(workers: 1) { stage in
            var settings = stage.settings("exit 70")
            settings.restarts.minimumPause = .milliseconds(1)
            try await stage.supervise(settings) {
                let event = try await eventually("the hold is a row") {
                    try await stage.text(
                        "select subject || ': ' || reason from sluice.event where kind = 'deployment_held'")
                }
                #expect(event.hasPrefix("deployment d: held for 60.0 seconds: 5 ends within"))
                #expect(event.contains("exited: software") && event.hasSuffix("on here"))
                #expect(stage.processIDs.count == 5)
            }
        }
    }

    @Test(.database) func `a change of the deployment starts a new worker before the old one ends`() async throws {
        try await Stage.with(workers: 1) { stage in
            // The second one loads until it is let.
            let script = "mkdir $3/first || while [ ! -e $3/loaded ]; do sleep 0.01; done; echo; exec cat"
            try await stage.supervise(stage.settings(script)) {
                let old = try await stage.started(1)
                try await stage.put(workers: 1, version: "2")
                let both = try await stage.started(2)
                #expect(stage.alive == both)
                try Data().write(to: URL(filePath: "\(stage.folder.path)/loaded"))
                try await eventually("the old one is drained") { stage.alive == [both[1]] }
                #expect(both[0] == old[0])
            }
        }
    }

    @Test(.database) func `what does not end is killed`() async throws {
        try await Stage.with(workers: 2) { stage in
            var settings = stage.settings("trap '' TERM; touch $3/$$; while :; do sleep 0.01; done")
            settings.graces.drain = .milliseconds(300)
            try await stage.supervise(settings) {
                for processID in try await stage.started(2) {
                    try await eventually("the trap is set") {
                        FileManager.default.fileExists(atPath: "\(stage.folder.path)/\(processID)")
                    }
                }
            }
        }
    }

    @Test(.database) func `one over its memory limit is killed`() async throws {
        try await Stage.with(workers: 1) { stage in
            var settings = stage.settings("exec cat")
            settings.memoryLimit = 64 << 10
            try await stage.supervise(settings) {
                _ = try await stage.started(2)
                try await eventually("it is said") {
                    stage.recorder.entries.contains { $0.metadata["reason"]?.contains("MiB of memory") == true }
                }
            }
        }
    }

    @Test(.database) func `one leads, and another takes over`() async throws {
        try await Stage.with(workers: 1) { stage in
            let standby = stage.settings("touch $3/second; exec cat", name: "second")
            try await stage.supervise(stage.settings("exec cat", name: "first")) {
                _ = try await stage.started(1)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await stage.supervise(standby) {
                            try await eventually("it stands by") {
                                stage.recorder.entries.contains { $0.message.contains("stands by") }
                            }
                            #expect(stage.processIDs.count == 1)
                            _ = try await stage.connection.query(
                                .init(
                                    "cut",
                                    """
                                    select pg_terminate_backend(pid) from pg_locks
                                    where locktype = 'advisory' and classid = 7024 and granted
                                        and database = (select oid from pg_database where datname = current_database())
                                    """))
                            try await eventually("somebody leads again") {
                                stage.recorder.entries.count { $0.message == "This supervisor leads." } == 2
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test(.database) func `workers get the variables they may have`() async throws {
        try await Stage.with(workers: 1) { stage in
            try await stage.supervise(
                stage.settings("env >$3/environment.new; mv $3/environment.new $3/environment; exec cat")
            ) {
                let path = "\(stage.folder.path)/environment"
                try await eventually("it is written") { FileManager.default.fileExists(atPath: path) }
                let text = try String(contentsOfFile: path, encoding: .utf8)
                #expect(text.contains("SLUICE_DATABASE_URL=\(stage.url)"))
                #expect(text.contains("PATH=/usr/bin:/bin"))
                #expect(text.contains("SWIFT_BACKTRACE=enable=no"))
                #expect(!text.contains("SECRET"))
            }
        }
    }

    @Test(.database) func `a worker sees its own secrets, and nobody else's`() async throws {
        try await Stage.with(workers: 1) { stage in
            for (name, secret) in [("d", "env:D_KEY"), ("e", "env:SLUICE_E_KEY")] {
                var request = DeploymentRequest(model: "m", name: name, backend: "none")
                request.configuration = Array(#"{"keys": ["\#(secret)"]}"#.utf8)
                try await stage.queue.putDeployment(request)
            }
            var settings = stage.settings("")
            settings.environment.merge([
                "D_KEY": "1", "SLUICE_E_KEY": "2", "SLUICE_OTHER": "3", "PGBACKREST_KEY": "4", "PGSSLMODE": "prefer",
                "SLUICE_WORKER_BUFFER": "7",
            ]) { $1 }
            let (file, path) = (stage.processFile, stage.folder.path)
            settings.arguments = {
                ["-c", "echo $$ >>$1; env >$2.new; mv $2.new $2; exec cat", "w", file, "\(path)/of-\($0.deployment)"]
            }
            try await stage.supervise(settings) {
                for (name, own, other) in [("d", "D_KEY=1", "SLUICE_E_KEY"), ("e", "SLUICE_E_KEY=2", "D_KEY")] {
                    try await eventually("it is written") {
                        FileManager.default.fileExists(atPath: "\(path)/of-\(name)")
                    }
                    let text = try String(contentsOfFile: "\(path)/of-\(name)", encoding: .utf8)
                    #expect(text.contains(own) && !text.contains(other), "\(text)")
                    #expect(text.contains("PGSSLMODE=prefer") && text.contains("SLUICE_WORKER_BUFFER=7"))
                    #expect(!text.contains("SLUICE_OTHER") && !text.contains("PGBACKREST_KEY"))
                }
            }
        }
    }

    @Test(.database) func `a worker that was declared dead and is only stopped is killed, and another started`()
        async throws
    {
        try await Stage.with(workers: 1) { stage in
            let queue = stage.queue
            let worker = try await queue.workerStarted(deployment: "d", host: "here", processID: 1, direct: false)
                .worker
            try SlotBoard(path: "\(stage.folder.path)/board", slots: 8).registered(worker: worker)
            let script = "if mkdir $3/once 2>/dev/null; then cp $3/board $2; fi; exec cat"
            try await stage.supervise(stage.settings(script)) {
                let first = try await stage.started(1)
                #expect(kill(first[0], SIGSTOP) == 0)
                _ = try await queue.workerEnded(
                    worker, orderly: false, cause: "sent no heartbeat", exitStatus: nil, signal: nil, lastWords: nil,
                    started: nil)
                let both = try await stage.started(2)
                try await eventually("the first is gone") { stage.alive == [both[1]] }
                try await eventually("its end is told") {
                    try await stage.text("select signal || ' ' || cause from sluice.worker where id = \(worker)")
                        == "9 sent no heartbeat"
                }
            }
        }
    }

    @Test(.database) func `a model that somebody's open transaction locks does not hold up the others`() async throws {
        try await Stage.with(workers: 1) { stage in
            try await stage.queue.putModel("n")
            try await stage.queue.putDeployment(DeploymentRequest(model: "n", name: "e", backend: "none"))
            let late = try await Connection.connect(
                try ConnectionConfiguration(stage.url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            defer { late.close() }
            func breaker(_ name: String) async throws -> String? {
                try await stage.text("select breaker::text from sluice.deployment_status where deployment = '\(name)'")
            }
            try await stage.supervise(stage.settings("exec cat")) {
                try await eventually("somebody decides") {
                    try await stage.text("select beat_at::text from sluice.controller_status") != nil
                }
                try await late.transaction { late async throws in
                    _ = try await late.query(
                        Statement(
                            "holds",
                            "select pg_advisory_xact_lock(7022, (select id from sluice.model where name = 'm'))"))
                    try await stage.connection.execute(script: "update sluice.deployment set state = 'isolated'")
                    try await eventually("the other is steered") { try await breaker("e") == "isolated" }
                    #expect(try await breaker("d") == "closed")
                    try await eventually("it is said") {
                        stage.recorder.entries.contains {
                            $0.message.hasPrefix("A model is not steered") && $0.metadata["model.name"] == "m"
                        }
                    }
                }
                try await eventually("it is steered, too") { try await breaker("d") == "isolated" }
                try await eventually("it is said") {
                    stage.recorder.entries.contains { $0.message == "A model is steered again." }
                }
            }
        }
    }
}
