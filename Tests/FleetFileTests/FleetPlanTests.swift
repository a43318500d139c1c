import FleetFile
import Testing

struct FleetPlanTests {
    private func current() -> FleetDeclaration {
        var model = FleetDeclaration.Model("chat")
        (model.maximumAttempts, model.attemptTimeout, model.retryBase, model.retryCap) = (5, 600_000, 1_000, 300_000)
        (model.strategy, model.policy) = ("least_busy", ["open_ms": "60000"])
        (model.inputGuard, model.waiting) = (["max_tokens_min": "1", "max_tokens_max": "100"], .most(50))
        for name in ["a", "b", "idle"] {
            var deployment = FleetDeclaration.Deployment(name)
            (deployment.backend, deployment.configuration) = ("mock", "{ \"latency_ms\" :5}")
            (deployment.workers, deployment.slots, deployment.version) = (1, 8, "1")
            (deployment.weight, deployment.tier) = (name == "idle" ? 0 : 100, 0)
            if name == "b" { deployment.limits = ["concurrency": "4"] }
            if name == "idle" {
                deployment.scaling["schedule"] = #"[{"days": [1], "from": "08:00", "min_workers": 1}]"#
            }
            model.deployments.append(deployment)
        }
        var experiment = FleetDeclaration.Experiment("x")
        (experiment.model, experiment.unit, experiment.salt, experiment.plan) = ("chat", "job", "x", "{}")
        experiment.arms = #"[{"name": "control", "percent": 50}, {"name": "b", "percent": 50}]"#
        experiment.state = "running"
        return FleetDeclaration(models: [model], experiments: [experiment])
    }

    private func plan(_ text: String) throws -> FleetPlan {
        try FleetPlan(from: current(), to: try FleetFile.read(text))
    }

    @Test(arguments: [
        "models:", "models: {chat: {fallbacks: []}}",
        "models: {chat: {max_attempts: 5, strategy: least_busy, policy: {open_ms: 60000, steps: null}}}",
        "models: {chat: {deployments: {a: {config: {latency_ms: 5}, workers: 1, weight: 100}, b: {limits: {concurrency: 4, tokens_per_minute: null}}}}}",
        "experiments: {x: {arms: [{percent: 50.0, name: control}, {name: b, percent: 50}], plan: {}, state: running}}",
        "experiments: {gone: {state: stopped}}",
        // The keys of a value in another order, and its numbers in another spelling.
        "models: {chat: {deployments: {idle: {scaling: {schedule: [{min_workers: 1.0, from: '08:00', days: [1]}]}}}}}",
        "models: {chat: {guard: {max_tokens_max: 100, json_depth_max: null}, waiting: 50}}",
    ])
    func `what is so already is no change`(text: String) throws {
        let plan = try plan(text)
        #expect(plan.changes.isEmpty && plan.steps.isEmpty)
    }

    @Test func `limits are set, changed and taken away one by one`() throws {
        let plan = try plan(
            "models: {chat: {deployments: {a: {limits: {tokens_per_minute: 9}}, b: {limits: {concurrency: null}}}}}")
        #expect(
            plan.steps == [
                .setDeploymentLimits(deployment: "a", #"{"tokens_per_minute": 9}"#),
                .setDeploymentLimits(deployment: "b", #"{"concurrency": null}"#),
            ])
        #expect(plan.changes.last?.sentence == "deployment b: limits.concurrency 4 → null")
    }

    @Test func `a guard is set as a whole, and a bound by itself`() throws {
        let plan = try plan("models: {chat: {guard: {max_tokens_max: 200, unknown_fields: refuse}, waiting: null}}")
        #expect(
            plan.steps == [
                .setGuard(
                    model: "chat",
                    ["max_tokens_min": "1", "max_tokens_max": "200", "unknown_fields": "\"refuse\""]),
                .setWaiting(model: "chat", .none),
            ])
        #expect(
            plan.changes.map(\.sentence) == [
                "model chat: guard.max_tokens_max 100 → 200", "model chat: guard.unknown_fields unset → \"refuse\"",
                "model chat: waiting 50 → null",
            ])
        let error = #expect(throws: FleetFileError.self) {
            try self.plan("models: {chat: {guard: {max_tokens_min: 101}}}")
        }
        #expect(error?.problems.first?.message.contains("is at least max_tokens_min") == true)
    }

    @Test func `stand-ins are set when they differ, and have to be models`() throws {
        let plan = try plan("models: {small: {}, chat: {fallbacks: [small]}}")
        #expect(plan.steps.last == .setFallbacks(model: "chat", ["small"]))
        #expect(plan.changes.last?.sentence == "model chat: fallbacks [] → [small]")
        let error = #expect(throws: FleetFileError.self) { try self.plan("models: {chat: {fallbacks: [none]}}") }
        #expect(error?.problems.first?.message.contains("is no model") == true)
    }

    @Test func `an experiment begins when it is declared, after those that end`() throws {
        let plan = try plan(
            """
            experiments:
              y: {model: chat, arms: [{name: a, percent: 10}, {name: b, percent: 10}]}
              x: {state: stopped}
            """)
        guard case .stopExperiment("x")? = plan.steps.first, case .startExperiment(let y)? = plan.steps.last else {
            Issue.record("\(plan.steps)")
            return
        }
        #expect(plan.steps.count == 2 && y.arms == #"[{"name": "a", "percent": 10}, {"name": "b", "percent": 10}]"#)
        #expect(plan.changes.map(\.subject) == ["experiment y", "experiment x"])
    }

    @Test(arguments: [
        ("x: {arms: [{name: control, percent: 40}, {name: b, percent: 50}]}", "another arms"),
        ("x: {salt: other}", "another salt"), ("x: {plan: {primary: score}}", "another plan"),
        ("y: {model: chat}", "say its model"), ("y: {model: none, arms: [{name: a}, {name: b}]}", "say its model"),
    ])
    func `one that has begun is not changed, and a new one says everything`(text: String, says: String) throws {
        let error = #expect(throws: FleetFileError.self) { try plan("experiments:\n  \(text)") }
        #expect(error?.problems.first?.message.contains(says) == true && error?.problems.first?.line == 2)
    }

    @Test func `what is not named stays as it is`() throws {
        let plan = try plan("models: {chat: {retry_base_ms: 50, deployments: {a: {workers: 4}}}}")
        #expect(
            plan.changes.map(\.sentence) == [
                "model chat: retry_base_ms 1000 → 50", "deployment a: workers 1 → 4",
            ])
        guard case .putModel(let model)? = plan.steps.first, case .putDeployment(let a, "chat")? = plan.steps.last
        else {
            Issue.record("\(plan.steps)")
            return
        }
        #expect(model.maximumAttempts == 5 && model.retryBase == 50 && model.retryCap == 300_000)
        // Word for word, or its workers would be replaced.
        #expect(a.configuration == "{ \"latency_ms\" :5}" && a.workers == 4 && a.slots == 8 && plan.steps.count == 2)
    }

    @Test func `the strategy that was declared comes after the weights, which set another`() throws {
        let plan = try plan(
            """
            models:
              chat:
                strategy: least_busy
                policy: {open_ms: null, steps: [1, 100]}
                deployments: {a: {weight: 30, tier: 2}}
            """)
        #expect(
            plan.steps == [
                .setTier(deployment: "a", 2), .setWeights(model: "chat", ["a": 30]),
                .setStrategy(model: "chat", "least_busy"),
                .setPolicy(model: "chat", "{\"open_ms\": null, \"steps\": [1, 100]}"),
            ])
    }

    @Test func `of a rule of scaling only what differs is changed`() throws {
        var current = current()
        current.models[0].deployments[0].scaling = ["min_workers": "0", "max_workers": "4", "idle_timeout_ms": "5000"]
        let declared = try FleetFile.read(
            """
            models:
              chat:
                deployments:
                  a:
                    scaling:
                      {min_workers: 0, max_workers: 6, idle_timeout_ms: null, budget: null, price_per_hour: 2.5,
                       money_per_hour: 10}
                  b: {scaling: {workersMin: 1, scalerType: REQUEST_COUNT, scalerValue: 3}}
            """)
        let plan = try FleetPlan(from: current, to: declared)
        #expect(
            plan.steps == [
                .setScaling(
                    deployment: "a",
                    #"{"idle_timeout_ms": null, "max_workers": 6, "money_per_hour": 10, "price_per_hour": 2.5}"#),
                .setScaling(deployment: "b", #"{"min_workers": 1, "per_worker": 3, "scaler": "request_count"}"#),
            ])
        #expect(plan.changes.first?.sentence == "deployment a: scaling.idle_timeout_ms 5000 → null")
    }

    @Test func `a new model comes before its deployments`() throws {
        let plan = try plan("models: {new: {deployments: {c: {backend: mock, weight: 5}}}}")
        guard case .putModel(let model)? = plan.steps.first, plan.steps.count == 3 else {
            Issue.record("\(plan.steps)")
            return
        }
        #expect(model.name == "new" && model.maximumAttempts == nil)
        #expect(plan.steps.last == .setWeights(model: "new", ["c": 5]))
        #expect(plan.changes.first?.sentence == "model new: new, 1 deployment")
    }

    @Test func `what cannot be is said at once`() throws {
        let error = try #require(throws: FleetFileError.self) {
            try plan(
                """
                models:
                  chat:
                    retry_cap_ms: 10
                    deployments: {a: {weight: 0}, b: {weight: 0}}
                  new:
                    deployments:
                      idle: {backend: mock}
                      c: {workers: 1}
                """)
        }
        #expect(
            error.problems.map { "\($0.line) \($0.message)" } == [
                "2 retry_cap_ms, 10, is at least retry_base_ms, 1000.",
                "2 One weight at least of model \"chat\" is above zero.",
                "7 Deployment \"idle\" belongs to model \"chat\"; give it another name.",
                "8 Deployment \"c\" is new: say its backend, such as `backend: mock`.",
            ])
    }
}
