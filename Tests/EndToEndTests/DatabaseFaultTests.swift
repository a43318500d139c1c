import Domain
import FoundationEssentials
import Glibc
import Logging
import Postgres
import PrivatePostgres
import Queue
import Synchronization
import TestSupport
import Testing
import UpstreamSupport

/// What happens to the database and to the way there while work is being done. Each test ends with the same: every job that
/// was accepted has ended, once.
@Suite(.timeLimit(.minutes(10)))
struct DatabaseFaultTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let mock =
        #"{"latency_ms": 20, "latency_distribution": "lognormal", "latency_deviation_ms": 10, "markers": true}"#

    private static func connect(_ url: String) async throws -> Connection {
        try await Connection.connect(try ConnectionConfiguration(url), logger: logger)
    }

    /// A batch file of so many requests.
    private static func file(_ count: Int, in folder: TemporaryFolder) throws -> String {
        let path = folder.path + "/in.jsonl"
        let lines = (0..<count).map {
            #"{"custom_id": "r\#($0)", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "echo", "messages": [{"role": "user", "content": "Hello \#($0)"}]}}"#
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: path))
        return path
    }

    private func count(_ connection: Connection, _ sql: String) async throws -> Int64 {
        try await connection.query(Statement("test_count", sql)).first?.decode(0) ?? -1
    }

    /// Every job has succeeded, and nothing is left over.
    private func expectAllSucceeded(_ connection: Connection, jobs: Int64) async throws {
        let succeeded = "select count(*) from sluice.result where state = 'succeeded'"
        try await eventually("every job has its answer", within: .seconds(300)) {
            try await count(connection, succeeded) == jobs
        }
        #expect(try await count(connection, "select count(*) from sluice.job") == jobs)
        #expect(try await count(connection, "select count(*) from sluice.running") == 0)
        #expect(try await Queue(connection).invariantViolations().allSatisfy { $0.violations == 0 })
    }

    // MARK: PostgreSQL is restarted

    @Test func `PostgreSQL dies and comes back in the middle of a batch, again and again`() async throws {
        try await TemporaryFolder.with { folder in
            try await TemporaryFolder.with { data in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // One life of the server after the other.
                    group.addTask {
                        while !Task.isCancelled {
                            do {
                                try await PrivateServer(dataDirectory: data.path, logger: Self.logger).run()
                            } catch is PrivateServerError {}
                        }
                    }
                    try await restarts(data.path, file: try Self.file(3_000, in: folder))
                    group.cancelAll()
                    do { try await group.waitForAll() } catch is CancellationError {}
                }
            }
        }
    }

    /// Jobs whose enqueue returned.
    private final class Acknowledged: Sendable { let jobs = Mutex<[Int64]>([]) }

    /// A connection to the server on `data`, once there is one.
    private static func connected(_ data: String) async throws -> Connection {
        try await eventually("the database is there") { () async throws -> Connection? in
            do {
                return try await connect(try PrivateServer.connectionString(ofServerIn: data))
            } catch is PrivateServerError {
                return nil
            } catch let error as PostgresError where error.isRetryable || error.sqlState == "3D000" {
                return nil
            }
        }
    }

    private func restarts(_ data: String, file: String) async throws {
        let first = try await Self.connected(data)
        _ = try await Migrator(first).migrate()
        let url = try PrivateServer.connectionString(ofServerIn: data)
        let acknowledged = Acknowledged()
        try await RunningQueue.with(url: url, workers: 2, configuration: Self.mock) { running in
            let submitted = try await running.sluice(["batch", "submit", file])
            #expect(submitted.status == 0, "\(submitted)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Somebody who enqueues one job after another, and counts what was acknowledged.
                group.addTask {
                    while !Task.isCancelled {
                        let connection = try await Self.connected(data)
                        defer { connection.close() }
                        do {
                            while !Task.isCancelled {
                                let job = try await Queue(connection).enqueue(
                                    JobRequest(
                                        model: "echo",
                                        payload: Array(#"{"messages": [{"role": "user", "content": "Hi"}]}"#.utf8)))
                                acknowledged.jobs.withLock { $0.append(job) }
                            }
                        } catch let error as QueueError
                            where error.code == .unavailable || error.cause?.code == .cancelled
                        {}
                    }
                }
                for round in 1...3 {
                    let connection = try await Self.connected(data)
                    try await eventually("round \(round) is under way") {
                        try await count(connection, "select count(*) from sluice.result") >= round * 700
                    }
                    connection.close()
                    let lines = try String(contentsOfFile: data + "/cluster/postmaster.pid", encoding: .utf8)
                    let postmaster = try #require(lines.split(separator: "\n").first.flatMap { Int32($0) })
                    // Immediate: nothing is written, sessions are cut.
                    #expect(kill(postmaster, SIGQUIT) == 0)
                    try await eventually("it is gone") { kill(postmaster, 0) != 0 }
                }
                _ = try await Self.connected(data)
                group.cancelAll()
                do {
                    try await group.waitForAll()
                } catch is CancellationError {
                } catch let error as PostgresError where error.code == .cancelled {}
            }
            let connection = try await Self.connected(data)
            let single = acknowledged.jobs.withLock { $0 }
            let ids = "'{\(single.map(String.init).joined(separator: ","))}'::bigint[]"
            try await eventually("every acknowledged job has its answer", within: .seconds(300)) {
                try await count(
                    connection,
                    """
                    select count(*) from unnest(\(ids)) i(id) join sluice.result r on r.id = i.id
                    where r.state = 'succeeded'
                    """) == single.count
            }
            #expect(Set(single).count == single.count && single.count > 0)
            // What was committed without our hearing of it runs as well.
            let jobs = try await count(connection, "select count(*) from sluice.job")
            #expect(jobs >= 3_000 + Int64(single.count))
            try await expectAllSucceeded(connection, jobs: jobs)
            let waited = try await running.sluice(["batch", "wait", submitted.output.filter(\.isNumber), "--json"])
            #expect(waited.status == 0 && waited.output.contains(#""succeeded": 3000"#), "\(waited)")
        }
    }

    // MARK: The disk of PostgreSQL is full

    /// A file system of a few MiB at `path`, which the database's account owns; its size can be changed.
    private static func mountSmall(_ path: String, mebibytes: Int, isThere: Bool = false) -> Int32 {
        let entry = getuid() == 0 ? getpwnam("postgres") : nil
        let owner = entry.map { "uid=\($0.pointee.pw_uid),gid=\($0.pointee.pw_gid)," } ?? ""
        let options = "\(owner)mode=700,size=\(mebibytes)m"
        return mount("tmpfs", path, "tmpfs", isThere ? UInt(MS_REMOUNT) : 0, options) == 0 ? 0 : errno
    }

    @Test(.database) func `the disk is full, and then there is room again`() async throws {
        let admin = try await Self.connect(try TestDatabase.current.url)
        defer { admin.close() }
        try await TemporaryFolder.with { folder in
            let disk = folder.path + "/disk"
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
            let failure = Self.mountSmall(disk, mebibytes: 64)
            guard failure == 0 else {
                print(
                    "a file system cannot be mounted here (\(String(cString: strerror(failure)))): a full disk is not tried"
                )
                return
            }
            defer { umount2(disk, Int32(MNT_DETACH)) }
            try await admin.execute(script: "create tablespace small location '\(disk)'")
            try await admin.execute(script: "create database full_disk tablespace small")
            try await fill(try TestDatabase.current.url + " dbname=full_disk", disk)
            try await admin.execute(script: "drop database full_disk with (force)")
            try await admin.execute(script: "drop tablespace small")
        }
    }

    private func fill(_ url: String, _ disk: String) async throws {
        let connection = try await Self.connect(url)
        defer { connection.close() }
        _ = try await Migrator(connection).migrate()
        try await RunningQueue.with(url: url, configuration: Self.mock) { running in
            var accepted: Int64 = 0
            var random = SystemRandomNumberGenerator()
            // Nothing that can be compressed.
            func prompt() -> String { (0..<4_000).map { _ in String(random.next(), radix: 36) }.joined() }
            var refusal: QueueError?
            while refusal == nil {
                do {
                    _ = try await running.queue.enqueue(
                        JobRequest(
                            model: "echo",
                            payload: Array(#"{"messages": [{"role": "user", "content": "\#(prompt())"}]}"#.utf8)))
                    accepted += 1
                } catch let error as QueueError {
                    refusal = error
                }
            }
            #expect(refusal?.code == .unavailable && refusal?.cause?.sqlState == "53100")
            let submitted = try await running.sluice(
                ["submit", "--model", "echo", "--prompt", "-"], input: prompt())
            // A session that has just begun may fail at a file of its own, before it is asked anything.
            let sentences = ["The disk of the database is full.", "could not write init file"]
            #expect(
                submitted.status == 69 && sentences.contains { submitted.errors.contains($0) }, "\(submitted)")
            #expect(accepted > 100)

            #expect(Self.mountSmall(disk, mebibytes: 512, isThere: true) == 0)
            let more = try await running.sluice(
                ["submit", "--model", "echo", "--prompt", "-", "--wait"], input: prompt())
            #expect(more.status == 0, "\(more)")
            try await expectAllSucceeded(running.connection, jobs: accepted + 1)
        }
    }

    // MARK: The network is slow

    @Test(.database(migrated: true)) func `a slow network changes nothing but the time`() async throws {
        let url = try TestDatabase.current.url
        let configuration = try ConnectionConfiguration(url)
        let socket =
            "\(configuration.setting("host") ?? "")/.s.PGSQL.\(configuration.setting("port") ?? "5432")"
        try await TemporaryFolder.with { folder in
            let file = try Self.file(1_500, in: folder)
            try await SlowProxy.with(to: socket, delay: 20) { proxy in
                try await RunningQueue.with(
                    by: "\(url) host=127.0.0.1 port=\(proxy.port)", workers: 2, configuration: Self.mock
                ) { running in
                    try await stalls(running, proxy, file)
                }
            }
        }
    }

    private func stalls(_ running: RunningQueue, _ proxy: SlowProxy, _ file: String) async throws {
        let connection = running.connection
        let done = "select count(*) from sluice.result"
        let oldest = "select extract(epoch from clock_timestamp() - min(beat_at))::bigint from sluice.worker_heartbeat"
        // Patience first: nobody is given up, however slow this machine is.
        try await connection.execute(
            script: """
                update sluice.setting set value = 3600 where name = 'lease_seconds';
                update sluice.setting set value = 0 where name = 'restart_grace_ms';
                """)
        let submitted = try await running.sluice(["batch", "submit", file])
        #expect(submitted.status == 0, "\(submitted)")
        try await eventually("it is under way") { try await count(connection, done) >= 200 }
        proxy.stall()
        try await eventually("heartbeats are missing") { try await count(connection, oldest) >= 3 }
        #expect(try await running.queue.reap().isEmpty)
        proxy.resume()
        try await eventually("it goes on") { try await count(connection, done) >= 500 }
        #expect(try await count(connection, "select count(*) from sluice.past_attempt") == 0)
        #expect(try await count(connection, "select count(*) from sluice.worker") == 2)

        // Then a stall that outlasts the lease: the jobs are given to others, and what comes late is refused.
        proxy.stall()
        try await eventually("heartbeats are missing again") { try await count(connection, oldest) >= 3 }
        let held = try await count(connection, "select count(*) from sluice.running")
        try await connection.execute(script: "update sluice.setting set value = 2 where name = 'lease_seconds'")
        let reaped = try await running.queue.reap()
        #expect(reaped.count == 2 && reaped.allSatisfy { $0.cause == "sent no heartbeat" })
        #expect(reaped.reduce(0) { $0 + Int64($1.returned) } == held)
        try await connection.execute(script: "update sluice.setting set value = 3600 where name = 'lease_seconds'")
        proxy.resume()
        try await expectAllSucceeded(connection, jobs: 1_500)
        #expect(
            try await count(connection, "select count(*) from sluice.past_attempt where outcome = 'worker_lost'")
                >= held)
        #expect(try await count(connection, "select count(*) from sluice.worker where state = 'dead'") == 2)
        let waited = try await running.sluice(["batch", "wait", submitted.output.filter(\.isNumber), "--json"])
        #expect(waited.status == 0 && waited.output.contains(#""succeeded": 1500"#), "\(waited)")
    }
}
