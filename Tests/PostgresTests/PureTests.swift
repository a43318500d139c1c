import Testing

@testable import Postgres

struct BackoffTests {
    @Test func `waits stay below a growing, capped ceiling`() {
        var (backoff, generator) = (
            Backoff(initial: .milliseconds(10), maximum: .seconds(1)), SeededGenerator(state: 3)
        )
        for attempt in 0..<100 {
            let wait = backoff.next(using: &generator)
            #expect(wait >= .zero && wait <= min(.seconds(1), .milliseconds(10) * (1 << min(attempt, 20))))
        }
        #expect(backoff.attempts == 100)
        backoff.reset()
        #expect(backoff.next(using: &generator) <= .milliseconds(10))
    }
}

struct AdmissionTests {
    @Test func `calls above the window wait their turn, and no more than may`() {
        var admission = Admission<Int>(window: 2, maximumWaiting: 1)
        #expect(admission.arrived(1, in: 0, isOpen: true) == .start)
        #expect(admission.arrived(2, in: 0, isOpen: true) == .start)
        #expect(admission.arrived(3, in: 0, isOpen: true) == .wait)
        #expect(admission.arrived(4, in: 0, isOpen: true) == .refuse)
        #expect(admission.next { _ in true } == nil)
        admission.finished()
        #expect(admission.next { _ in false } == nil)
        #expect(admission.next { _ in true } == 3)
    }

    @Test func `a scope has the connection to itself, the innermost first`() {
        var admission = Admission<String>(window: 10, maximumWaiting: 10)
        let outer = admission.opened()
        #expect(admission.arrived("everybody", in: 0, isOpen: true) == .wait)
        #expect(admission.arrived("outer", in: outer, isOpen: true) == .start)
        let inner = admission.opened()
        #expect(admission.arrived("outer again", in: outer, isOpen: true) == .wait)
        #expect(admission.arrived("inner", in: inner, isOpen: false) == .wait)
        #expect(admission.closed(inner) == ["inner"])
        #expect(admission.next { _ in true } == "outer again")
        #expect(admission.closed(outer) == [])
        #expect(admission.next { _ in true } == "everybody")
        #expect(admission.arrived("late", in: outer, isOpen: true) == .outOfScope)
    }
}

struct ConnectionConfigurationTests {
    @Test(arguments: [
        "postgresql://me:hunter2@localhost/db?pasword=hunter2", "host=x password=a hunter2 b", "password='hunter2",
        "postgresql://me:hunter2%zz@localhost/db", "postgresql://me:hunter2@[::1", "host=x hunter2=1 password=hunter2",
    ])
    func `a malformed string is one sentence without its password`(conninfo: String) throws {
        let error = try #require(throws: PostgresError.self) { try ConnectionConfiguration(conninfo) }
        #expect(error.code == .invalidConfiguration)
        #expect(!error.isRetryable)
        if !conninfo.contains("hunter2=1") { #expect(!error.description.contains("hunter2"), "\(error)") }
        #expect(!error.description.contains("\n"))
    }

    @Test(arguments: [
        "postgresql://me:hunter2@localhost:5433/db", "host=localhost user=me password=hunter2 sslpassword=hunter2",
    ])
    func `the password is never shown`(conninfo: String) throws {
        let configuration = try ConnectionConfiguration(conninfo)
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("localhost"))
        }
        #expect(configuration.setting("password") == nil)
        #expect(configuration.redact("say hunter2 twice: hunter2") == "say *** twice: ***")
    }

    @Test func `limits are told to the server, unless a pooler is between`() throws {
        var configuration = try ConnectionConfiguration("host=x options='-c a=b'")
        configuration.statementTimeout = .milliseconds(1500)
        configuration.lockTimeout = .microseconds(1)
        func options() -> String? { configuration.connectionSettings().first { $0.0 == "options" }?.1 }
        #expect(options() == "-c a=b -c statement_timeout=1500 -c lock_timeout=1")
        configuration.pooler = .transaction
        #expect(options() == "-c a=b")
    }
}

struct ConnectionFailureTests {
    @Test func `the server's code is found and developers' lines are left out`() {
        let failure = ConnectionFailure(
            "connection to server at \"h\" (1.2.3.4), port 5432 failed: FATAL:  28P01: password authentication failed for user \"a\"\nLOCATION:  auth_failed, auth.c:335\n"
        )
        #expect(failure.sqlState == "28P01")
        #expect(
            failure.sentence
                == "connection to server at \"h\" (1.2.3.4), port 5432 failed: password authentication failed for user \"a\""
        )
    }

    @Test func `hints of the client library are kept on one line`() {
        let failure = ConnectionFailure("failed: Connection refused\n\tIs the server running on that host?\n")
        #expect(failure.sqlState == nil)
        #expect(failure.sentence == "failed: Connection refused; Is the server running on that host?")
        #expect(ConnectionFailure("").sentence == "no reason was given")
    }
}

struct HostListTests {
    @Test func `a host is taken out of every list`() throws {
        let settings = [("host", "a,b,c"), ("port", "1,2,3"), ("user", "u")]
        let list = try #require(HostList(settings)?.without(host: "b", port: "2"))
        #expect(list.applied(to: settings).map(\.1) == ["a,c", "1,3", "u"])
        #expect(HostList([("host", "a")])?.without(host: "a", port: "5432") == nil)
        #expect(HostList([("user", "u")]) == nil)
        #expect(HostList([("host", "a,b"), ("port", "9")])?.without(host: "a", port: "9")?.hosts.map(\.port) == ["9"])
    }
}
