import FoundationEssentials
import Glibc
import Logging
import Subprocess
import TestSupport
import Testing

@testable import Supervisor

@Suite(.timeLimit(.minutes(10)))
struct ChildProcessTests {
    private let recorder = LogRecorder()

    private func child(_ script: String, _ argument: String = "") -> ChildProcess {
        ChildProcess(
            executable: "/bin/sh", arguments: ["-c", script, "worker", argument], environment: ["PATH": "/usr/bin:/bin"]
        )
    }

    private func run(
        _ child: ChildProcess, then commands: [ChildProcess.Command] = [], when isReady: () async throws -> Void = {}
    ) async throws -> ChildProcess.End {
        let (obeyed, command) = AsyncStream.makeStream(of: ChildProcess.Command.self)
        async let end = {
            var output = WorkerOutput(logger: recorder.logger)
            return try await child.run(obeying: obeyed, output: &output) { _ in }
        }()
        try await isReady()
        for each in commands { command.yield(each) }
        return try await end
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Whether there is such a process; one that has ended and is waiting to be reaped is none.
    static func isAlive(_ processID: Int32) -> Bool {
        guard let contents = FileManager.default.contents(atPath: "/proc/\(processID)/stat") else { return false }
        return String(decoding: contents, as: UTF8.self).split(separator: ") ").last?.first != "Z"
    }

    static func processIDs(in path: String) -> [Int32] {
        guard let contents = FileManager.default.contents(atPath: path) else { return [] }
        let text = String(decoding: contents, as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: true).compactMap { Int32($0) }
    }

    @Test func `the exit status and the last words are kept`() async throws {
        let end = try await run(child("echo nothing; echo first >&2; printf last >&2; exit 78"))
        #expect(end.status == .exited(78))
        #expect(end.lastWords == "first\nlast")
        #expect(end.lastMessage == "last")
    }

    @Test(arguments: [SIGSEGV, SIGKILL, SIGABRT])
    func `a signal is told from an exit`(signal: Int32) async throws {
        let end = try await run(child("kill -\(signal) $$"))
        #expect(end.status == .signaled(signal))
    }

    @Test func `a drain asks, a kill does not`() async throws {
        try await TemporaryFolder.with { folder in
            let ready = "\(folder.path)/ready"
            let polite = try await run(
                child("trap 'exit 0' TERM; touch $1; while :; do sleep 0.01; done", ready), then: [.drain]
            ) {
                try await eventually("the trap is set") { exists(ready) }
            }
            #expect(polite.status == .exited(0))
            let deaf = try await run(
                child("trap '' TERM; touch $1; while :; do sleep 0.01; done", ready + "2"), then: [.drain, .kill]
            ) { try await eventually("the trap is set") { exists(ready + "2") } }
            #expect(deaf.status == .signaled(SIGKILL))
        }
    }

    @Test func `whatever it started ends with it, also what holds its standard error`() async throws {
        try await TemporaryFolder.with { folder in
            let file = "\(folder.path)/pid"
            let end = try await run(child("sleep 1000 & echo $! > $1; exit 3", file))
            #expect(end.status == .exited(3))
            let orphan = try #require(Self.processIDs(in: file).first)
            try await eventually("the grandchild is gone") { !Self.isAlive(orphan) }
        }
    }

    @Test func `one that closed its standard error is waited for`() async throws {
        let end = try await run(child("exec 2>&-; sleep 0.1; exit 4"))
        #expect(end.status == .exited(4))
    }

    @Test func `it says once that it is ready, whatever it prints`() async throws {
        let (said, say) = AsyncStream.makeStream(of: Void.self)
        let (obeyed, _) = AsyncStream.makeStream(of: ChildProcess.Command.self)
        for script in ["echo; sleep 0.1; echo more", "exit 1"] {
            var output = WorkerOutput(logger: recorder.logger)
            _ = try await child(script).run(obeying: obeyed, output: &output) { _ in
            } ready: {
                say.yield()
            }
        }
        say.finish()
        #expect(await said.reduce(0) { count, _ in count + 1 } == 1)
    }

    @Test func `a program that is not there is no process`() async throws {
        let missing = ChildProcess(executable: "/nonexistent/sluice", arguments: [], environment: [:])
        await #expect(throws: ChildProcess.Failure.self) { _ = try await run(missing) }
    }

    @Test func `it sees its environment, three descriptors, and a group of its own`() async throws {
        let script = """
            exec >&2
            env | grep -E '^(ONLY|HOME)='
            n=0; while [ $n -lt 256 ]; do [ -e /proc/$$/fd/$n ] && printf '%s ' $n; n=$((n + 1)); done; echo
            cut -d ' ' -f 5 /proc/$$/stat
            echo $$
            """
        let end = try await run(
            ChildProcess(
                executable: "/bin/sh", arguments: ["-c", script],
                environment: ["PATH": "/usr/bin:/bin", "ONLY": "this"]))
        let lines = end.lastWords.split(separator: "\n").map(String.init)
        try #require(lines.count == 4)
        #expect(lines[0] == "ONLY=this")
        #expect(lines[1] == "0 1 2 ")
        #expect(lines[2] == lines[3])
    }

    @Test func `when we are gone its lifeline ends`() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder.path
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let (obeyed, _) = AsyncStream.makeStream(of: ChildProcess.Command.self)
                let child = ChildProcess(
                    executable: "/bin/sh", arguments: ["-c", "read line; touch $1/orphaned", "worker", path],
                    environment: ["PATH": "/usr/bin:/bin"])
                var output = WorkerOutput(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
                _ = try await child.run(obeying: obeyed, output: &output) { _ in kill(getpid(), SIGKILL) }
            }
            try await eventually("the child has seen it") { exists("\(path)/orphaned") }
        }
    }

    @Test func `a cancelled task leaves no process`() async throws {
        try await TemporaryFolder.with { folder in
            let file = "\(folder.path)/pid"
            let slow = child("echo $$ > $1; while :; do sleep 0.01; done", file)
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await run(slow) }
                do {
                    try await eventually("it runs") { !Self.processIDs(in: file).isEmpty }
                } catch { Issue.record(error) }
                group.cancelAll()
            }
            let processID = try #require(Self.processIDs(in: file).first)
            #expect(!Self.isAlive(processID))
        }
    }
}
