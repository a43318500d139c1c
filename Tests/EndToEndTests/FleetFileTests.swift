import FoundationEssentials
import Logging
import Postgres
import Queue
import TestSupport
import Testing

/// A fleet declared in a file, by the command.
@Suite(.timeLimit(.minutes(10))) struct FleetFileTests {
    @Test(.database(migrated: true)) func `a file is applied, shown as a difference, exported and applied again`()
        async throws
    {
        let url = try TestDatabase.current.url
        try await TemporaryFolder.with { folder in
            let path = folder.path + "/fleet.yaml"
            func sluice(_ words: String..., file text: String? = nil) async throws -> RunningQueue.Outcome {
                if let text { try Data(text.utf8).write(to: URL(filePath: path)) }
                let backends = words[0] == "apply" ? ["-f", path, "--backends", try Products.folder] : []
                return try await RunningQueue.sluice(words + backends + ["--database-url", url])
            }
            let file = """
                models:
                  echo:
                    strategy: weighted
                    policy: {open_ms: 1000}
                    deployments:
                      echo-1: {backend: mock, config: {latency_ms: 1}, workers: 2, weight: 75}
                      echo-2: {backend: mock, weight: 25}
                """
            let dry = try await sluice("apply", "--dry-run", file: file)
            #expect(dry.status == 0 && dry.output.contains("nothing was changed"), "\(dry)")
            #expect(try await sluice("export").output == "models: {}\n")
            let applied = try await sluice("apply", "--why", "first")
            #expect(applied.status == 0 && applied.output.contains("deployment echo-1: new"), "\(applied)")

            let exported = try await sluice("export")
            #expect(exported.output.contains("weight: 75") && exported.output.contains("open_ms: 1000"), "\(exported)")
            let again = try await sluice("apply", file: exported.output)
            #expect(again.output == "The fleet is as the file says.\n", "\(again)")

            let changed = try await sluice(
                "apply", "--json", file: "models: {echo: {deployments: {echo-2: {slots: 3}}}}")
            #expect(changed.output.contains(#""subject": "deployment echo-2""#) && changed.output.contains(#""3""#))

            // All of it or nothing: the second model's policy is refused by SQL.
            let half = try await sluice(
                "apply",
                file: "models: {echo: {max_attempts: 9}, other: {policy: {open_ms: -5}}}")
            #expect(half.status != 0 && half.errors.contains("open_ms"), "\(half)")
            let wrong = try await sluice("apply", file: "models:\n  echo: {max_attempts: 0}\n  b: {x: 1}")
            #expect(wrong.status == 65 && wrong.errors.contains("fleet.yaml:2: max_attempts"), "\(wrong)")
            #expect(wrong.errors.contains("fleet.yaml:3: There is no \"x\""))

            let connection = try await Connection.connect(
                try ConnectionConfiguration(url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            defer { connection.close() }
            let rows = try await connection.query(
                Statement(
                    "audited",
                    """
                    select verb, coalesce(why, '') from sluice.audit
                    where verb not in ('put_backend') order by id
                    """))
            #expect(
                try rows.map { row in try row.decode((String, String).self).0 } == [
                    "put_model", "put_deployment", "put_deployment", "set_weights", "set_strategy", "set_policy",
                    "put_deployment",
                ])
            #expect(try rows[0].decode((String, String).self).1 == "first")
            let attempts = try await connection.query(
                Statement("attempts", "select max_attempts::int from sluice.model"))
            #expect(try attempts.map { row in try row.decode(0, as: Int32.self) } == [5])
        }
    }
}

extension FleetFileTests {
    @Test(.database(migrated: true))
    func `limits, stand-ins and experiments are declared, exported and ended in a file`()
        async throws
    {
        let url = try TestDatabase.current.url
        try await TemporaryFolder.with { folder in
            let path = folder.path + "/fleet.yaml"
            func apply(_ text: String) async throws -> RunningQueue.Outcome {
                try Data(text.utf8).write(to: URL(filePath: path))
                return try await RunningQueue.sluice(
                    ["apply", "-f", path, "--backends", try Products.folder, "--database-url", url])
            }
            let first = try await apply(
                """
                models:
                  echo:
                    fallbacks: [small]
                    policy: {hedge_percent: 5, hedge_min_ms: 200}
                    guard: {max_tokens_max: 4096, unknown_fields: strip, extra_fields: [top_k]}
                    waiting: 500
                    deployments:
                      echo-1: {backend: mock, limits: {concurrency: 20, requests_per_minute: 600}}
                  small: {deployments: {small-1: {backend: mock}}}
                experiments:
                  tone:
                    model: echo
                    unit: tenant
                    plan: {primary: score, guardrails: {latency: 0.20}}
                    arms:
                      - {name: control, percent: 50.0, deployment: echo-1}
                      - {name: kind, percent: 12.5, prompt_prefix: "Be kind.", parameters: {temperature: 0.5}}
                      - {name: dark, percent: 10, shadow: true}
                """)
            #expect(first.status == 0 && first.output.contains("experiment tone: new, of model echo"), "\(first)")
            let exported = try await RunningQueue.sluice(["export", "--database-url", url])
            #expect(exported.output.contains("requests_per_minute: 600"), "\(exported)")
            #expect(exported.output.contains("fallbacks: [small]") && exported.output.contains("shadow: true"))
            #expect(exported.output.contains("extra_fields: [top_k]") && exported.output.contains("waiting: 500"))
            #expect(exported.output.contains("hedge_percent: 5"))
            #expect(try await apply(exported.output).output == "The fleet is as the file says.\n", "\(exported)")
            let guards = try await RunningQueue.sluice(["guards", "list", "--json", "--database-url", url])
            #expect(guards.output.contains("4096") && guards.output.contains("strip"), "\(guards)")
            let opened = try await apply("models: {echo: {guard: {max_tokens_max: null}, waiting: null}}")
            #expect(opened.output.contains("guard.max_tokens_max 4096 → null"), "\(opened)")
            #expect(opened.output.contains("waiting 500 → null"), "\(opened)")
            let ended = try await apply(
                "models: {echo: {fallbacks: []}}\nexperiments: {tone: {state: stopped}}")
            #expect(ended.output.contains("experiment tone: state running → stopped"), "\(ended)")
            let after = try await RunningQueue.sluice(["export", "--database-url", url])
            #expect(!after.output.contains("experiments") && !after.output.contains("fallbacks"), "\(after)")
        }
    }
}
