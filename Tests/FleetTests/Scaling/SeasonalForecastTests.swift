import Testing

@testable import Fleet

@Suite struct SeasonalForecastTests {
    private static let slot = 600.0
    private static let day = 86_400.0

    /// Shows the forecast whole slots: what each of them needed, from the first slot of day 0 on.
    private func forecast(days: Int, _ needed: (_ day: Int, _ slot: Int) -> Int?) -> SeasonalForecast {
        var forecast = SeasonalForecast()
        for day in 0..<days {
            for slot in 0..<144 {
                guard let needed = needed(day, slot) else { continue }
                let start = Double(day) * Self.day + Double(slot) * Self.slot
                forecast.look(at: start + 1, needed: needed, isAnomalous: false)
                forecast.look(at: start + 300, needed: needed / 2, isAnomalous: false)
            }
        }
        return forecast
    }

    private func foretold(_ forecast: SeasonalForecast, day: Int, slot: Int) -> Int {
        let start = Double(day) * Self.day + Double(slot) * Self.slot
        return forecast.needed(from: start, until: start + 60)
    }

    /// Eight workers for an hour at noon, none else: the last ten minutes never say that, the days before do.
    private static func noon(_ slot: Int) -> Int { 72..<78 ~= slot ? 8 : 0 }

    @Test func `a pattern of every day is learned, and foretold before it comes`() {
        let forecast = forecast(days: 5) { Self.noon($1) }
        #expect(forecast.hasSkill)
        for slot in 0..<144 {
            // The slots beside a slot count with it, so that a peak a little early is met.
            let expected = 71...78 ~= slot ? 8 : 0
            guard 70...79 ~= slot || expected == foretold(forecast, day: 5, slot: slot) else {
                Issue.record("slot \(slot): \(foretold(forecast, day: 5, slot: slot)), not \(expected)")
                return
            }
        }
        // Looked at twenty minutes ahead it is there already.
        let before = 5 * Self.day + 70 * Self.slot
        #expect(forecast.needed(from: before, until: before + 1200) == 8)
    }

    @Test func `before two days of a slot nothing is foretold`() {
        let forecast = forecast(days: 2) { Self.noon($1) }
        #expect(!forecast.hasSkill)
        #expect((0..<144).allSatisfy { foretold(forecast, day: 2, slot: $0) == 0 })
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `where no day is like the other it is no better than the last ten minutes, and not used`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // A slow walk: the last value is the best guess there is.
        var value = 10
        let forecast = forecast(days: 12) { _, _ in
            value = min(max(0, value + Int.random(in: -1...1, using: &generator)), 60)
            return value
        }
        #expect(!forecast.hasSkill)
        #expect((0..<144).allSatisfy { foretold(forecast, day: 12, slot: $0) == 0 })
    }

    @Test func `a pattern that ends is given up within a day`() {
        let forecast = forecast(days: 8) { day, slot in day < 6 ? Self.noon(slot) : 0 }
        #expect(!forecast.hasSkill)
        #expect(foretold(forecast, day: 8, slot: 74) == 0)
    }

    /// What was not looked at was not needless: days without a look leave what is known as it is.
    @Test func `days and hours that nobody saw teach nothing`() {
        let whole = forecast(days: 5) { Self.noon($1) }
        var gap = whole
        gap.look(at: 9 * Self.day + 1, needed: 0, isAnomalous: false)
        #expect(gap.hasSkill)
        #expect(foretold(gap, day: 9, slot: 74) == foretold(whole, day: 5, slot: 74))
        // The noon of two days was not seen.
        let partial = forecast(days: 7) { day, slot in
            day == 3 || day == 5 ? (72..<78 ~= slot ? nil : 0) : Self.noon(slot)
        }
        #expect(foretold(partial, day: 7, slot: 74) == 8)
    }

    @Test func `slots with an anomaly teach nothing`() {
        var forecast = forecast(days: 5) { Self.noon($1) }
        let clean = forecast
        for slot in 0..<6 {
            let start = 5 * Self.day + Double(slot) * Self.slot
            forecast.look(at: start + 1, needed: 500, isAnomalous: false)
            forecast.look(at: start + 2, needed: 500, isAnomalous: true)
        }
        forecast.look(at: 5 * Self.day + 3700, needed: 0, isAnomalous: false)
        for slot in 0..<6 {
            #expect(foretold(forecast, day: 6, slot: slot) == foretold(clean, day: 6, slot: slot))
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `it never foretells more than was ever needed, nor forgets it across a day's end`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var forecast = SeasonalForecast()
        var most = 0
        var now = Double.random(in: 0...(2 * Self.day), using: &generator)
        let peak = Int.random(in: 0..<144, using: &generator)
        for _ in 0..<1500 {
            let slot = Int(now / Self.slot) % 144
            let noise = Int.random(in: 0...2, using: &generator)
            let needed = slot == peak ? 20 + noise : noise
            most = max(most, needed)
            forecast.look(at: now, needed: needed, isAnomalous: Int.random(in: 0..<50, using: &generator) == 0)
            now += Double.random(in: 10...900, using: &generator)
            let span = Double.random(in: 0...7200, using: &generator)
            let said = forecast.needed(from: now, until: now + span)
            guard 0...most ~= said, forecast.hasSkill || said == 0 else {
                Issue.record("seed \(seed): \(said) foretold, \(most) was the most")
                return
            }
            // A longer look ahead never asks for less.
            guard forecast.needed(from: now, until: now + 2 * span) >= said else {
                Issue.record("seed \(seed): less for longer")
                return
            }
        }
    }
}
