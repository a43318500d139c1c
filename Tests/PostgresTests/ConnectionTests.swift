import Logging
import PrivatePostgres
import Subprocess
import TestSupport
import Testing

@testable import Postgres

@Suite(.database, .timeLimit(.minutes(10))) struct ConnectionTests {
    @Test func `a killed connection fails everybody who waits`() async throws {
        let (connection, other) = (try await connect(), try await connect())
        try await withThrowingTaskGroup(of: PostgresError?.self) { group in
            group.addTask { await connection.waitUntilClosed() }
            for _ in 0..<20 {
                group.addTask {
                    await failure { try await connection.query(Statement("sleep", "SELECT pg_sleep(60)")) }
                }
            }
            try await other.waitForActivity(connection.backendProcessID, "pg_sleep")
            _ = try await other.query(Statement("kill", "SELECT pg_terminate_backend($1)"), connection.backendProcessID)
            for try await error in group {
                #expect(error?.code == .connectionLost)
                #expect(error?.sqlState == "57P01")
                #expect(error?.isRetryable == true)
            }
        }
        #expect(!connection.isOpen)
        #expect(await failure { try await connection.query(Statement("one", "SELECT 1")) }?.code == .connectionLost)
        #expect(await connection.waitUntilClosed()?.sqlState == "57P01")
    }

    @Test func `an idle connection notices its end`() async throws {
        let (connection, other) = (try await connect(), try await connect())
        async let reason = connection.waitUntilClosed()
        _ = try await other.query(Statement("kill", "SELECT pg_terminate_backend($1)"), connection.backendProcessID)
        #expect(await reason?.code == .connectionLost)
    }

    @Test func `a closed or forgotten connection leaves the server`() async throws {
        let other = try await connect()
        var connection: Connection? = try await connect()
        let process = try #require(connection?.backendProcessID)
        connection = nil
        let present = Statement("present", "SELECT count(*) FROM pg_stat_activity WHERE pid = $1")
        try await eventually("the server process ends") {
            try await other.query(present, process)[0].decode(0, as: Int.self) == 0
        }
        let closed = try await connect()
        closed.close()
        closed.close()
        #expect(await closed.waitUntilClosed() == nil)
    }

    @Test func `it says who it is`() async throws {
        let connection = try await connect { $0.applicationName = "sluice tests" }
        #expect(try await connection.value("SHOW application_name", as: String.self) == "sluice tests")
        #expect(try await connection.value("SELECT pg_backend_pid()", as: Int32.self) == connection.backendProcessID)
        #expect(await connection.parameterStatus("client_encoding") == "UTF8")
        #expect(await connection.parameterStatus("nothing") == nil)
        #expect(connection.serverVersion >= 140_000)
    }

    @Test func `a database that is not there, and a server that is not`() async throws {
        let url = try TestDatabase.current.url
        let missing = await failure { try await connect(to: url + " dbname=nowhere") }
        #expect(missing?.code == .connectionFailed)
        #expect(missing?.sqlState == "3D000")
        #expect(missing?.isRetryable == false)
        #expect(missing?.description.contains("nowhere") == true)
        let refused = await failure { try await connect(to: "host=127.0.0.1 port=1 user=a dbname=b password=hunter2") }
        #expect(refused?.code == .connectionFailed)
        #expect(refused?.isRetryable == true)
        #expect(refused?.description.contains("Connection refused") == true)
        #expect(refused?.description.contains("hunter2") == false)
        let socket = await failure { try await connect(to: "host=/nonexistent user=a dbname=b") }
        #expect(socket?.description.contains("/nonexistent") == true)
    }

    @Test func `a silent host is given up, and the next one tried`() async throws {
        let url = try TestDatabase.current.url
        let silent = try SilentListener()
        defer { silent.close() }
        let alone = await failure {
            try await connect(to: "host=127.0.0.1 port=\(silent.port) user=a dbname=b") {
                $0.connectTimeout = .milliseconds(50)
            }
        }
        #expect(alone?.code == .timedOut)
        let parsed = try ConnectionConfiguration(url)
        let (host, port) = (parsed.setting("host") ?? "", parsed.setting("port") ?? "")
        let both =
            "host=127.0.0.1,\(host) port=\(silent.port),\(port) user=postgres dbname=\(parsed.setting("dbname") ?? "")"
        // How long the second one needs depends on the machine: it is given more time until that is enough.
        var limit = Duration.milliseconds(200)
        let connection = try await eventually("the next host is taken") { () async throws -> Connection? in
            defer { limit *= 2 }
            do {
                return try await connect(to: both) { $0.connectTimeout = limit }
            } catch let error as PostgresError where error.code == .timedOut { return nil }
        }
        #expect(try await connection.value("SELECT 1", as: Int.self) == 1)
        let refused =
            "host=127.0.0.1,\(host) port=1,\(port) user=postgres dbname=postgres target_session_attrs=read-write"
        #expect(try await connect(to: refused).value("SELECT 1", as: Int.self) == 1)
        let standby = await failure { try await connect(to: url + " target_session_attrs=standby") }
        #expect(standby?.code == .connectionFailed)
    }

    @Test func `connecting can be cancelled`() async throws {
        let silent = try SilentListener()
        defer { silent.close() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await failure {
                    try await connect(to: "host=127.0.0.1 port=\(silent.port) user=a dbname=b")
                }
                #expect(error?.code == .cancelled)
            }
            group.cancelAll()
        }
    }

    @Test func `notifications arrive, until nobody listens`() async throws {
        let (connection, other) = (try await connect(), try await connect())
        try await connection.listen(#"odd "name""#)
        let notify = Statement("notify", "SELECT pg_notify($1, $2)")
        var iterator = connection.notifications.makeAsyncIterator()
        for number in 0..<10 { _ = try await other.query(notify, #"odd "name""#, "\(number)") }
        for number in 0..<10 {
            let notification = await iterator.next()
            #expect(notification?.payload == "\(number)")
            #expect(notification?.channel == #"odd "name""#)
            #expect(notification?.processID == other.backendProcessID)
            #expect(notification?.droppedSoFar == 0)
        }
        try await connection.unlisten(#"odd "name""#)
        _ = try await other.query(notify, #"odd "name""#, "late")
        _ = try await connection.value("SELECT 1", as: Int.self)
        connection.close()
        #expect(await iterator.next() == nil)
    }

    @Test func `notifications nobody reads are dropped, oldest first, and counted`() async throws {
        let connection = try await connect { $0.maximumBufferedNotifications = 3 }
        try await connection.listen("flood")
        for number in 0..<10 {
            _ = try await connection.query(Statement("notify", "SELECT pg_notify('flood', $1)"), "\(number)")
        }
        // The server sends a session its own notifications once it is idle: with the answers to what follows at the latest.
        for _ in 0..<2 { _ = try await connection.value("SELECT 1", as: Int.self) }
        var iterator = connection.notifications.makeAsyncIterator()
        let first = await iterator.next()
        #expect(first?.payload == "7")
        #expect(await iterator.next()?.payload == "8")
        let last = await iterator.next()
        #expect(last?.payload == "9")
        #expect(last?.droppedSoFar == 6)
    }

    @Test func `LISTEN is refused where a pooler would lose it`() async throws {
        let connection = try await connect { $0.pooler = .transaction }
        #expect(await failure { try await connection.listen("a") }?.code == .notSupported)
    }
}

/// Servers that want passwords and speak TLS.
@Suite(.timeLimit(.minutes(10))) struct SecureConnectionTests {
    @Test func `passwords and TLS`() async throws {
        let probe = try SilentListener()
        let port = probe.port
        probe.close()
        try await TemporaryFolder.with { folder in
            let server = PrivateServer(
                dataDirectory: folder.path,
                configuration: .init(port: port, isDurable: false),
                logger: .quiet
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                let address = try await server.waitUntilReady()
                try await tryPasswords(address, port)
                group.cancelAll()
                do { try await group.waitForAll() } catch is CancellationError {}
            }
        }
    }

    private func tryPasswords(_ address: ServerAddress, _ port: Int) async throws {
        let admin = try await connect(to: address.connectionString(database: "postgres"))
        try await admin.execute(script: "CREATE ROLE app LOGIN PASSWORD 'hunter2'")
        let base = "host=127.0.0.1 port=\(port) user=app dbname=postgres"
        #expect(try await connect(to: base + " password=hunter2").value("SELECT 1", as: Int.self) == 1)
        let wrong = await failure { try await connect(to: base + " password=wr0ng-one") }
        #expect(wrong?.sqlState == "28P01")
        #expect(wrong?.isRetryable == false)
        #expect(wrong?.description.contains("wr0ng-one") == false)
        let plain = await failure { try await connect(to: base + " password=hunter2 sslmode=require") }
        #expect(plain?.code == .connectionFailed)
        #expect(plain?.description.contains("SSL") == true)
        // The server's own account makes the key, so that it is the owner.
        let command =
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout server.key -out server.crt 2>/dev/null; chmod 600 server.key"
        _ = try await admin.query(Statement("key", "COPY (SELECT 1) TO PROGRAM '\(command)'"))
        let certificate = try await admin.value("SELECT pg_read_file('server.crt')", as: String.self)
        _ = try await admin.query(Statement("tls", "ALTER SYSTEM SET ssl = on"))
        _ = try await admin.query(Statement("reload", "SELECT pg_reload_conf()"))
        let secure = "\(base) password=hunter2 sslmode=require"
        let connection = try await eventually("the server speaks TLS") { () -> Connection? in
            do { return try await connect(to: secure) } catch is PostgresError { return nil }
        }
        #expect(try await connection.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", as: Bool.self))
        let blob = [UInt8](repeating: 9, count: 5_000_000)
        #expect(
            try await connection.query(Statement("blob", "SELECT $1::bytea"), blob)[0].decode(0, as: [UInt8].self)
                == blob)
        let unverified = await failure {
            try await connect(to: "\(base) password=hunter2 sslmode=verify-full sslrootcert=/nonexistent")
        }
        #expect(unverified?.code == .connectionFailed)
        try await TemporaryFolder.with { folder in
            let path = folder.path + "/root.crt"
            let written = try await run(
                .name("tee"), arguments: [path], input: .string(certificate), output: .discarded)
            #expect(written.terminationStatus.isSuccess)
            let verified = try await connect(to: "\(base) password=hunter2 sslmode=verify-full sslrootcert=\(path)")
            #expect(try await verified.value("SELECT 1", as: Int.self) == 1)
        }
        try await tryPooler(port)
    }

    /// pgbouncer in transaction mode, where it is installed.
    private func tryPooler(_ port: Int) async throws {
        guard let account = try await Pgbouncer.account() else { return }
        try await TemporaryFolder.with { folder in
            let bouncer = try Pgbouncer(folder, server: port, account: account)
            try await bouncer.withRunning { conninfo in
                let connection = try await eventually("pgbouncer answers") { () -> Connection? in
                    do { return try await connect(to: conninfo) { $0.pooler = .transaction } } catch is PostgresError {
                        return nil
                    }
                }
                let other = try await connect(to: conninfo) { $0.pooler = .transaction }
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<200 {
                        let connection = number % 2 == 0 ? connection : other
                        group.addTask {
                            try await connection.query(Statement("n", "SELECT $1::int8"), number)[0].decode(0)
                        }
                    }
                    var sum = 0
                    for try await number in group { sum += number }
                    #expect(sum == 19_900)
                }
                try await connection.transaction { inner in
                    try await inner.execute(script: "CREATE TEMP TABLE t (n int) ON COMMIT DROP")
                    #expect(
                        try await inner.copyIn("COPY t FROM STDIN") { try await $0.write(Array("1\n2\n".utf8)) } == 2)
                }
                #expect(
                    await failure { try await connection.query(Statement("bad", "SELECT 1/0")) }?.sqlState == "22012")
                #expect(try await connection.value("SELECT 1", as: Int.self) == 1)
            }
        }
    }
}
