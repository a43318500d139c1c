import Testing

@testable import Fleet

@Suite struct ScalingRuleTests {
    @Test func theDefaultsArePossible() {
        #expect(ScalingRule().problems().isEmpty)
        #expect(ScalingRule().bounds(at: 0) == 0...3)
    }

    private static func rule(_ change: (inout ScalingRule) -> Void) -> ScalingRule {
        var rule = ScalingRule()
        change(&rule)
        return rule
    }

    private static let impossible: [(String, ScalingRule)] = [
        ("min_workers", rule { $0.minWorkers = -1 }), ("max_workers", rule { $0.maxWorkers = 1001 }),
        ("must not be above", rule { $0.minWorkers = 4 }), ("slots", rule { $0.slots = 0 }),
        ("queue_delay", rule { $0.scaler = .queueDelay(objective: .seconds(-1)) }),
        ("request_count", rule { $0.scaler = .requestCount(perWorker: 0) }),
        ("utilization", rule { $0.scaler = .utilization(target: 1.1) }),
        ("sql", rule { $0.scaler = .query(perWorker: .nan) }), ("schedule", rule { $0.scaler = .schedule }),
        ("up_stabilisation", rule { $0.upStabilisation = .seconds(-1) }),
        ("down_stabilisation", rule { $0.downStabilisation = .seconds(100_000) }),
        ("idle_timeout", rule { $0.idleTimeout = .seconds(-1) }),
        ("memory_per_worker", rule { $0.memoryPerWorker = 0 }), ("budget", rule { $0.budget = 0 }),
        ("price_per_hour", rule { $0.pricePerHour = 0 }),
        ("money_per_hour", rule { ($0.pricePerHour, $0.moneyPerHour) = (1, -1) }),
        ("needs price_per_hour", rule { $0.moneyPerHour = 5 }),
        ("attainment", rule { $0.attainment = 0 }), ("miss_price", rule { $0.missPrice = -1 }),
    ]

    @Test(arguments: impossible)
    func impossibleValuesHaveASentence(_ word: String, _ rule: ScalingRule) {
        #expect(rule.problems().contains { $0.contains(word) && $0.hasSuffix(".") })
    }

    @Test func windowsReplaceTheBounds() throws {
        var rule = ScalingRule()
        rule.schedule = [
            ScheduleWindow(minutes: try CronPattern("* 8-17 * * *"), minWorkers: 2, maxWorkers: 8),
            ScheduleWindow(minutes: try CronPattern("* 12 * * *"), maxWorkers: 20),
        ]
        #expect(rule.bounds(at: 3600) == 0...3)
        #expect(rule.bounds(at: 9 * 3600) == 2...8)
        #expect(rule.bounds(at: 12 * 3600) == 2...20)
        rule.schedule = [ScheduleWindow(minutes: try CronPattern("* * * * *"), minWorkers: 5, maxWorkers: 2)]
        #expect(!rule.problems().isEmpty)
    }

    @Test(
        arguments: [
            (nil, nil, nil, nil), (7200, nil, nil, 7200), (nil, 2, nil, nil), (nil, 2, 4, 7200), (3600, 2, 4, 3600),
            (9000, 2.5, 5, 7200), (nil, 0.5, 0.25, 1800),
        ] as [(Double?, Double?, Double?, Double?)])
    func theTighterBudgetHolds(_ seconds: Double?, _ price: Double?, _ money: Double?, _ expected: Double?) {
        let rule = Self.rule { ($0.budget, $0.pricePerHour, $0.moneyPerHour) = (seconds, price, money) }
        #expect(rule.problems().isEmpty)
        #expect(rule.workerSecondsPerHour == expected)
        #expect(rule.money(7200) == price.map { 2 * $0 })
    }

    @Test func runPodsNamesMeanWhatTheyMeanThere() throws {
        let byDelay = try #require(ScalingRule(runPod: RunPodScaling()))
        #expect(byDelay.minWorkers == 0)
        #expect(byDelay.maxWorkers == 3)
        #expect(byDelay.scaler == .queueDelay(objective: .seconds(4)))
        #expect(byDelay.idleTimeout == .seconds(5))
        var settings = RunPodScaling()
        settings.scalerType = "REQUEST_COUNT"
        settings.scalerValue = 2
        settings.workersMin = 1
        let byCount = try #require(ScalingRule(runPod: settings))
        #expect(byCount.scaler == .requestCount(perWorker: 2))
        #expect(byCount.minWorkers == 1)
        settings.scalerType = "GPU"
        #expect(ScalingRule(runPod: settings) == nil)
    }
}
