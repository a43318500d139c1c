import FoundationEssentials
import Postgres
import Testing
import TestSupport

/// `sluice backends`, and what workers record of the backends they load.
@Suite(.database, .timeLimit(.minutes(10))) struct BackendCommandTests {
    private func sluice(_ arguments: String...) async throws -> SluiceProgram.Ended {
        try await SluiceProgram.run(arguments, in: .current)
    }

    private func json(_ text: String) throws -> JSON { try JSONDecoder().decode(JSON.self, from: Data(text.utf8)) }

    /// The row of `sluice backends list --json` about that backend.
    private func row(_ name: String) async throws -> JSON? {
        let list = try await sluice("backends", "list", "--json")
        #expect(list.status == 0, "\(list.errors)")
        return try list.lines.map(json).first { $0["name"] == .string(name) }
    }

    @Test func `the files that are here are listed without a database`() async throws {
        let list = try await SluiceProgram.run(["backends", "list", "--files", "--json"])
        #expect(list.status == 0)
        #expect(try list.lines.map(json).contains { $0["name"] == .string("mock") }, "\(list.output)")
    }

    @Test func `a check prints a table, and the sentence that was broken`() async throws {
        let good = try await sluice("backends", "check", "mock", "--calls", "200", "--only", "answers", "--json")
        #expect(good.status == 0, "\(good.output)")
        #expect(try good.lines.map(json).map { $0["status"] } == [.string("ok")])
        let bad = try await sluice(
            "backends", "check", "mock", "--config", #"{"faults": {"double_final": 1}}"#, "--only", "double-final",
            "--json", "--calls", "50")
        #expect(bad.status == 1)
        let finding = try #require(try bad.lines.map(json).first)
        #expect(finding["status"] == .string("failed") && finding["check"] == .string("double-final"))
        #expect(finding["rule"] == .string("exactly once for every call that execute accepted."))
        let unknown = try await sluice("backends", "check", "mock", "--only", "no-such")
        #expect(unknown.status == 64 && unknown.errors.contains("double-final"), "\(unknown.errors)")
    }

    @Test(.database) func `a backend that workers cannot load is listed with the reason until one can`() async throws {
        #expect(try await sluice("migrate").status == 0)
        try await TemporaryFolder.with { folder in
            let file = folder.path + "/libMine.so"
            let products = try Products.folder
            try FileManager.default.copyItem(atPath: products + "/libMockBackend.so", toPath: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            func deploy(_ config: String) async throws -> SluiceProgram.Ended {
                try await sluice(
                    "deploy", "m", "m-1", "--backend", "mine", "--config", config, "--backends", folder.path)
            }
            func work() async throws -> SluiceProgram.Ended {
                try await sluice("worker", "--deployment", "m-1", "--backends", folder.path)
            }

            // Recorded by deploy, and used by nobody yet.
            #expect(try await deploy(#"{"refuse_start": "no room on the card"}"#).status == 0)
            let recorded = try #require(try await row("mine"))
            #expect(recorded["path"] == .string(file) && recorded["version"] == .string("1.0.0"))
            #expect(recorded["deployments"] == .string("m-1") && recorded["failures"] == .number(0))
            #expect(recorded["streaming"] == .bool(true) && recorded["kinds"] != .null)

            // Its configuration is refused.
            #expect(try await work().status == 78)
            let refused = try #require(try await row("mine"))
            #expect(refused["failures"] == .number(1))
            #expect(try failure(refused).hasSuffix("no room on the card"), "\(refused)")

            // Its content has changed.
            let handle = try Data(contentsOf: URL(filePath: file)) + Data("more".utf8)
            try handle.write(to: URL(filePath: file))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            #expect(try await work().status == 78)
            let changed = try #require(try await row("mine"))
            #expect(changed["failures"] == .number(2))
            #expect(try failure(changed).contains("sluice backends record mine"), "\(changed)")
            #expect(changed["sha256"] == recorded["sha256"])

            // It is of another ABI.
            let source = folder.path + "/wrong.c"
            try Data(
                """
                #include <stdint.h>
                static const struct { uint32_t size, major, minor; char rest[4096]; } table = {4108, 99, 7, {0}};
                const void *sluice_backend_entry(const void *host) { return &table; }
                """.utf8
            ).write(to: URL(filePath: source))
            let wrong = folder.path + "/libWrong.so"
            #expect(try await SluiceProgram.run(program: "cc", ["-shared", "-fPIC", "-o", wrong, source]).status == 0)
            #expect(
                try await sluice("deploy", "m", "w-1", "--backend", "wrong", "--skip-inspection").status == 0)
            #expect(
                try await sluice("worker", "--deployment", "w-1", "--backends", folder.path).status == 78)
            let foreign = try #require(try await row("wrong"))
            #expect(foreign["version"] == .null && foreign["deployments"] == .string("w-1"))
            #expect(try failure(foreign).contains("backend_abi 99.7"), "\(foreign)")

            // The events say it too.
            let events = try await sluice(
                "psql", "--", "-Atc", "select subject from sluice.event where kind = 'backend_refused' order by id")
            #expect(events.lines == ["backend mine", "backend mine", "backend wrong"])

            // The operator means the change.
            #expect(try await sluice("backends", "record", "mine", "--backends", folder.path).status == 0)
            let ready = try #require(try await row("mine"))
            #expect(ready["sha256"] != recorded["sha256"])
        }
    }

    @Test(.database(migrated: true))
    func `a worker that loads its backend ends the failures of its deployment on its host`() async throws {
        try await RunningQueue.with { running in
            func mock() async throws -> JSON {
                let list = try await running.sluice(["backends", "list", "--json"])
                #expect(list.status == 0, "\(list.errors)")
                return try #require(try list.output.split(separator: "\n").map { try self.json(String($0)) }.first)
            }
            var now = try await mock()
            #expect(now["name"] == .string("mock") && now["deployments"] == .string("echo-1"))
            _ = try await running.sluice(["submit", "--model", "echo", "--prompt", "hello", "--wait"])
            try await running.connection.execute(
                script: """
                    select sluice.backend_refused(min(id), 'backend_unreadable', 'the disk was away') from sluice.worker
                    """)
            now = try await mock()
            #expect(now["failures"] == .number(1) && now["workers"] == .number(1))
            guard case .string(let path)? = now["path"] else { throw RunningQueue.NotUp() }
            #expect(path.hasSuffix("/libMockBackend.so"))
            #expect(try await running.sluice(["scale", "echo-1", "2"]).status == 0)
            repeat { now = try await mock() } while now["failures"] != .number(0) || now["workers"] != .number(2)
            #expect(now["last_failure"] == .null)
        }
    }

    private func failure(_ row: JSON) throws -> String {
        guard case .string(let text)? = row["last_failure"] else {
            Issue.record("no failure in \(row)")
            return ""
        }
        return text
    }
}
