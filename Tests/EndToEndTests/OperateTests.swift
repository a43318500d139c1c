import FoundationEssentials
import Testing
import TestSupport

/// The commands over a database that no supervisor serves.
@Suite(.database) struct OperateTests {
    private func sluice(_ arguments: String..., environment: [String: String] = [:]) async throws -> SluiceProgram.Ended
    {
        try await SluiceProgram.run(arguments, in: .current, environment: environment)
    }

    private func json(_ text: String) throws -> JSON { try JSONDecoder().decode(JSON.self, from: Data(text.utf8)) }

    @Test func `a deployment is declared, scaled, shown and examined`() async throws {
        #expect(try await sluice("migrate").status == 0)
        let deployed = try await sluice(
            "deploy", "m", "m-1", "--backend", "mock", "--config", #"{"latency_ms": 1}"#, "--workers", "0", "--slots",
            "4")
        #expect(deployed.status == 0, "\(deployed.errors)")
        #expect(try await sluice("scale", "m-1", "2").status == 0)

        let status = try json(try await sluice("status", "--json").output)
        let deployment = try #require(status["deployments"]?[0])
        #expect(deployment["deployment"] == .string("m-1"))
        #expect(deployment["workers_wanted"] == .number(2))
        #expect(deployment["state"] == .string("degraded"))
        #expect(status["workers"] == .array([]) && status["batches"] == .array([]))

        let doctor = try await sluice("doctor", "--json")
        let findings = try doctor.lines.map(json)
        #expect(findings.count > 10)
        #expect(findings.first { $0["check"] == .string("schema") }?["status"] == .string("ok"))
        #expect(findings.first { $0["check"] == .string("deployments") }?["status"] == .string("warning"))
        // The server of the tests does not sync: the doctor has to see it.
        #expect(findings.first { $0["check"] == .string("fsync") }?["status"] == .string("failed"))
        #expect(doctor.status == 1)

        let query = try await sluice("psql", "--", "-Atc", "select name, workers from sluice.deployment")
        #expect(query.output == "m-1|2\n")

        #expect(try await sluice("scale", "none", "1").status == 65)
        let badConfig = try await sluice("deploy", "m", "m-2", "--backend", "mock", "--config", "{")
        #expect(badConfig.status == 65, "\(badConfig.errors)")
        let noBackend = try await sluice("deploy", "m", "m-2", "--backend", "none-such")
        #expect(noBackend.status == 66)
        #expect(noBackend.errors.contains("MockBackend"), "the backends there are, for choice: \(noBackend.errors)")
    }

    @Test(.database) func `a worker that cannot work says why`() async throws {
        #expect(try await sluice("migrate").status == 0)
        let unknown = try await sluice("worker", "--deployment", "nowhere")
        #expect(unknown.status == 64)
        #expect(unknown.errors.contains("nowhere"))

        try await TemporaryFolder.with { folder in
            let wrong = folder.path + "/libWrong.so"
            let source = folder.path + "/wrong.c"
            try Data(
                """
                #include <stdint.h>
                static const struct { uint32_t size, major, minor; char rest[4096]; } table = {4108, 99, 7, {0}};
                const void *sluice_backend_entry(const void *host) { return &table; }
                """.utf8
            ).write(to: URL(filePath: source))
            let compiled = try await SluiceProgram.run(program: "cc", ["-shared", "-fPIC", "-o", wrong, source])
            try #require(compiled.status == 0, "\(compiled.errors)")
            for (name, word) in [("none-such", "no backend of that name"), ("wrong", "99.7")] {
                #expect(
                    try await sluice("deploy", "m", "d-" + name, "--backend", name, "--skip-inspection").status == 0)
                let ended = try await sluice("worker", "--deployment", "d-" + name, "--backends", folder.path)
                #expect(ended.status == 78)
                #expect(ended.errors.contains(word), "\(ended.errors)")
            }
            let refused = try await sluice("deploy", "m", "d-3", "--backend", "wrong", "--backends", folder.path)
            #expect(refused.status == 78)
            #expect(refused.errors.contains("99.7"))
        }
    }
}
