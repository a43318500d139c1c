import FleetFile
import Testing

struct FleetFileTests {
    private static let sample = """
        # Two versions of one model.
        models:
          chat:
            max_attempts: 3
            strategy: weighted
            policy: {error_percent: 12.5, steps: [1, 50, 100], latency_ms: null}
            deployments:
              chat-a:
                backend: openai
                config:
                  base_url: "https://example.org/v1"
                  keys: [env:KEY_ONE, env:KEY_TWO]
                  country: no
                  at: 12:30
                  exact: "1"
                  ratio: 0.50
                  big: 12345678901234567890
                  none: ~
                  flag: true
                workers: 2
                weight: 70
                scaling:
                  min_workers: 0
                  schedule: [{minutes: "* 8-17 * * mon-fri", min_workers: 2}]
              chat-b:
                backend: mock
          embed:
        """

    private func problems(_ text: String) -> [String] {
        do {
            _ = try FleetFile.read(text)
            return []
        } catch {
            return error.problems.map { "\($0.line) \($0.message)" }
        }
    }

    @Test func `a file says what it says and no more`() throws {
        let fleet = try FleetFile.read(Self.sample)
        #expect(fleet.models.map(\.name) == ["chat", "embed"])
        let chat = fleet.models[0]
        #expect(chat.maximumAttempts == 3 && chat.retryBase == nil && chat.strategy == "weighted" && chat.line == 3)
        #expect(chat.policy == ["error_percent": "12.5", "steps": "[1, 50, 100]", "latency_ms": "null"])
        #expect(chat.deployments.map(\.name) == ["chat-a", "chat-b"])
        let first = chat.deployments[0]
        #expect(first.backend == "openai" && first.workers == 2 && first.slots == nil && first.weight == 70)
        #expect(
            first.configuration == """
                {"base_url": "https://example.org/v1", "keys": ["env:KEY_ONE", "env:KEY_TWO"], "country": "no", \
                "at": "12:30", "exact": "1", "ratio": 0.50, "big": 12345678901234567890, "none": null, "flag": true}
                """)
        #expect(chat.deployments[1].configuration == nil)
        #expect(fleet.models[1].deployments.isEmpty)
    }

    @Test func `a rule of scaling is read with RunPod's names, too`() throws {
        func scaling(_ text: String) throws -> [String: String] {
            let file = "models: {m: {deployments: {d: {scaling: \(text)}}}}"
            return try FleetFile.read(file).models[0].deployments[0].scaling
        }
        #expect(
            try scaling("{min_workers: 0, max_workers: 4, scaler: queue_delay, idle_timeout_ms: null}") == [
                "min_workers": "0", "max_workers": "4", "scaler": "\"queue_delay\"", "idle_timeout_ms": "null",
            ])
        #expect(
            try scaling("{workersMin: 1, workersMax: 3, scalerType: QUEUE_DELAY, scalerValue: 4, idleTimeout: 5.5}")
                == [
                    "min_workers": "1", "max_workers": "3", "scaler": "\"queue_delay\"", "objective_ms": "4000",
                    "idle_timeout_ms": "5500",
                ])
        #expect(
            try scaling("{scalerType: REQUEST_COUNT, scalerValue: 2.5}")
                == ["scaler": "\"request_count\"", "per_worker": "2.5"])
        #expect(
            problems("models: {m: {deployments: {d: {scaling: {idleTimeout: soon}}}}}")
                == ["1 idleTimeout is a number of seconds, 0 to 86400."])
    }

    @Test func `limits and experiments are read, and their mistakes are told with their lines`() throws {
        let fleet = try FleetFile.read(
            """
            models: {chat: {deployments: {a: {limits: {requests_per_minute: 60, concurrency: null}}}}}
            experiments:
              tone:
                model: chat
                unit: tenant
                plan: {primary: score, guardrails: {latency: 0.1}}
                arms:
                  - {name: control, percent: 50}
                  - {name: kind, percent: 50, prompt_prefix: "Be kind.", parameters: {temperature: 0}}
            """)
        #expect(fleet.models[0].deployments[0].limits == ["requests_per_minute": "60", "concurrency": "null"])
        let tone = fleet.experiments[0]
        #expect(tone.model == "chat" && tone.unit == "tenant" && tone.state == nil)
        #expect(tone.plan == #"{"primary": "score", "guardrails": {"latency": 0.1}}"#)
        #expect(tone.arms?.contains(#""parameters": {"temperature": 0}"#) == true)
        #expect(try FleetFile.read(try FleetFile.text(fleet)).experiments[0].arms == tone.arms)
        #expect(
            problems(
                """
                models: {chat: {deployments: {a: {limits: {concurrency: 0}}}}}
                experiments:
                  x: {unit: user}
                  y: {arms: [{name: a}]}
                  z: {state: paused, colour: 1}
                """
            ).map { $0.prefix(10) } == ["1 concurre", "3 unit is ", "4 arms is ", "5 There is", "5 state is"])
    }

    @Test func `guards and bounds are read and written, and their mistakes are told with their lines`() throws {
        let fleet = try FleetFile.read(
            """
            models:
              chat: {guard: {max_tokens_max: 4096, unknown_fields: strip, extra_fields: [top_k]}, waiting: 500}
              free: {guard: {max_tokens_max: null}, waiting: null}
            """)
        #expect(
            fleet.models[0].inputGuard
                == ["max_tokens_max": "4096", "unknown_fields": "\"strip\"", "extra_fields": "[\"top_k\"]"])
        #expect(fleet.models[0].waiting == .most(500) && fleet.models[1].waiting == FleetDeclaration.Model.Bound.none)
        #expect(fleet.models[1].inputGuard == ["max_tokens_max": "null"])
        let again = try FleetFile.read(try FleetFile.text(FleetDeclaration(models: [fleet.models[0]])))
        #expect(again.models[0].inputGuard == fleet.models[0].inputGuard && again.models[0].waiting == .most(500))
        #expect(
            problems(
                """
                models:
                  a: {guard: {body_bytes_max: 0}}
                  b: {guard: {unknown_fields: drop}}
                  c: {guard: {extra_fields: top_k}}
                  d: {guard: {max_tokens_min: 9, max_tokens_max: 5}}
                  e: {guard: {depth: 5}}
                  f: {waiting: -1}
                  g: {guard: {max_tokens_min: null}}
                """
            ).map { String($0.prefix(15)) } == [
                "2 body_bytes_ma", "3 unknown_field", "4 extra_fields ", "5 max_tokens_ma", "6 There is no \"",
                "7 waiting is a ",
                "8 max_tokens_mi",
            ])
    }

    @Test func `what was written is read as it was`() throws {
        let fleet = try FleetFile.read(Self.sample)
        func bare(_ fleet: FleetDeclaration) -> FleetDeclaration {
            var fleet = fleet
            for model in fleet.models.indices {
                fleet.models[model].line = 0
                for deployment in fleet.models[model].deployments.indices {
                    fleet.models[model].deployments[deployment].line = 0
                }
            }
            return fleet
        }
        let text = try FleetFile.text(fleet)
        #expect(bare(try FleetFile.read(text)) == bare(fleet))
        #expect(text.contains("backend: openai\n") && text.contains("country: \"no\"") && text.contains("exact: \"1\""))
        #expect(try FleetFile.text(try FleetFile.read(text)) == text)
    }

    @Test(arguments: [
        "tab\tand \"quotes\" \\ and \u{1} and \u{1F600}", "", " leading", "trailing ", "- dash", "a: b", "#no", "null",
        "1e3",
        "line\nbreak", "é", "@at", "*star", "&and", "!tag", "%percent", "0x10", "2024-01-01", "<<",
    ])
    func `a text is that text on the way out and in`(text: String) throws {
        var deployment = FleetDeclaration.Deployment("d")
        deployment.configuration = "{\"key\": \(FleetFile.quoted(text)), \(FleetFile.quoted("k" + text)): 1}"
        var model = FleetDeclaration.Model("m")
        model.deployments = [deployment]
        let again = try FleetFile.read(try FleetFile.text(FleetDeclaration(models: [model])))
        #expect(again.models.first?.deployments.first?.configuration == deployment.configuration)
    }

    @Test func `everything that is wrong is said at once, with its line`() {
        let found = problems(
            """
            models:
              chat:
                max_attempts: 101
                stratagy: weighted
                strategy: best
                retry_base_ms: 500
                retry_cap_ms: 100
                deployments:
                  a: {backend: "", config: [1], workers: two, slots: 0, weight: 1.5, tier: -1}
                  b: mock
              embed:
                deployments:
                  a: {backend: mock}
            prices: {}
            """)
        #expect(
            found == [
                "3 max_attempts is a whole number, 1 to 100.",
                "4 There is no \"stratagy\" in model \"chat\"; there is max_attempts, attempt_timeout_ms, retry_base_ms, "
                    + "retry_cap_ms, strategy, policy, fallbacks, guard, waiting, deployments.",
                "5 There is no strategy \"best\"; there are least_busy, weighted, round_robin, health_weighted, fastest, "
                    + "priority.",
                "7 retry_cap_ms is at least retry_base_ms, 500.",
                "9 backend is a text of 1 to 1,000 bytes.",
                "9 config is a mapping, the backend's configuration.",
                "9 workers is a whole number, 0 to 1000.",
                "9 slots is a whole number, 1 to 4096.",
                "9 weight is a whole number, 0 to 10000.",
                "9 tier is a whole number, 0 to 100.",
                "10 Here are the keys of deployment \"b\", such as backend.",
                "13 Deployment \"a\" stands in line 9 already: its name is its own.",
                "14 There is no \"prices\" in the file; there is models, experiments.",
            ])
    }

    @Test(arguments: [
        ("", "1 A fleet file begins with `models:`."),
        ("[1]", "1 A fleet file begins with `models:`."),
        ("models: [a]", "1 Under models stand names with a colon."),
        ("models: {a: {deployments: {b: {config: {x: .inf}}}}}", nil),
        ("models: {a: {}, a: {}}", "1 A key stands here twice: a."),
    ])
    func `what is no fleet is said to be none`(text: String, message: String?) {
        #expect(problems(text) == (message.map { [$0] } ?? []))
    }

    @Test(arguments: ["models: {", "\tmodels:", "models:\n  a: b: c", "%", "\u{0}", "a: *b"])
    func `what is no YAML is said to be none`(text: String) {
        #expect(problems(text).count == 1)
    }

    @Test func `a file has a bound`() {
        #expect(problems(String(repeating: "#", count: FleetFile.maximumBytes + 1)).count == 1)
    }
}
