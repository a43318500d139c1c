import Fleet
import Testing

struct TroubleForecastTests {
    private var forecast = TroubleForecast()
    private let policy = HealthPolicy()

    @Test mutating func `memory that leaks is announced before the limit`() throws {
        var announced: Double?
        for second in 0..<600 {
            let used = 0.4 + 0.001 * Double(second)
            forecast.record(
                .of(ok: 3), memory: used, policy: policy, latencyObjective: .seconds(3), at: .seconds(second))
            let warnings = forecast.warnings
            #expect(warnings.allSatisfy { $0.aspect == .memory })
            if announced == nil, !warnings.isEmpty { announced = used }
        }
        #expect(try #require(announced) < 0.6)
        let warning = try #require(forecast.warnings.first)
        #expect(warning.text == "memory 99% and rising, at its limit in 10 s")
    }

    @Test mutating func `latency and errors that grow are announced`() {
        for second in 0..<300 {
            let outcomes = OutcomeSummary.of(
                ok: 300 - second / 20, failed: second / 20, seconds: 1 + Double(second) / 200)
            forecast.record(
                outcomes, memory: 0.5, policy: policy, latencyObjective: .seconds(3), at: .seconds(second))
        }
        let warnings = forecast.warnings
        #expect(Set(warnings.map(\.aspect)) == [.latency, .errors])
        #expect(warnings.allSatisfy { $0.timeLeft > .zero && $0.timeLeft <= policy.horizon })
        #expect(warnings.map(\.timeLeft) == warnings.map(\.timeLeft).sorted())
    }

    @Test mutating func `what is steady, or too slow to matter, is not`() {
        var generator = SeededGenerator(seed: 5)
        for second in 0..<2_400 {
            let outcomes = OutcomeSummary.random(
                5, failing: 0.02, seconds: Double.random(in: 1...2, using: &generator), using: &generator)
            forecast.record(
                outcomes, memory: 0.4 + 0.000_01 * Double(second), policy: policy, latencyObjective: .seconds(3),
                at: .seconds(second))
            if second.isMultiple(of: 300) {
                #expect(forecast.warnings.isEmpty)
            }
        }
        forecast.forget()
        #expect(forecast.warnings.isEmpty)
    }
}
