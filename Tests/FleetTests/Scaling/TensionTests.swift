import Testing

@testable import Fleet

@Suite struct TensionTests {
    @Test func `it begins with the least that may be paid`() {
        let tension = Tension()
        #expect(tension.value == 0 && tension.patience == 1)
        #expect((tension.price - 1.0 / 12).magnitude < 1e-9)
    }

    @Test func `late jobs raise it to the most, jobs in time let it fall`() {
        var tension = Tension()
        for _ in 0..<100 { tension.look(seconds: 1, inTime: 0, late: 50, attainment: 0.99, isExcused: false) }
        #expect(tension.value > 0.99 && tension.price > 0.97)
        #expect(0.05...0.055 ~= tension.patience)
        for _ in 0..<20_000 { tension.look(seconds: 10, inTime: 100, late: 0, attainment: 0.99, isExcused: false) }
        #expect(tension.value == 0)
    }

    @Test func `what nobody could have helped does not move it`() {
        var tension = Tension()
        for _ in 0..<100 { tension.look(seconds: 1, inTime: 0, late: 50, attainment: 0.99, isExcused: true) }
        #expect(tension.value == 0)
    }

    /// A look without a job only lets it fade: a tenth in a day.
    @Test func `time alone forgets a tenth in a day`() {
        var tension = Tension()
        for _ in 0..<100 { tension.look(seconds: 1, inTime: 0, late: 50, attainment: 0.99, isExcused: false) }
        let before = tension.value
        for _ in 0..<1440 { tension.look(seconds: 60, inTime: 0, late: 0, attainment: 0.99, isExcused: false) }
        #expect((tension.value / before - 0.905).magnitude < 0.01)
    }

    /// The part of late jobs falls with what is paid: then it settles where as many are late as are allowed.
    @Test(arguments: [0.9, 0.95, 0.99, 0.995]) func `it settles near what is asked for`(attainment: Double) {
        var tension = Tension()
        var due = 0.0
        var late = 0
        let looks = 40_000
        for look in 0..<2 * looks {
            // Four times as many are late as are allowed when least is paid, none when most is.
            due += 10 * 4 * (1 - attainment) * (1 - tension.value)
            let now = Int(due)
            due -= Double(now)
            tension.look(
                seconds: 10, inTime: 10 - now, late: now, attainment: attainment, isExcused: false)
            if look >= looks { late += now }
        }
        let missed = Double(late) / Double(10 * looks) / (1 - attainment)
        #expect(0.7...1.15 ~= missed, "\(missed) of what is allowed")
    }

    @Test(arguments: 0..<500 as Range<UInt64>) func `whatever comes, it stays within its bounds`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var tension = Tension()
        for _ in 0..<400 {
            let before = tension.value
            let inTime = Int.random(in: 0...2000, using: &generator)
            let late = Bool.random(using: &generator) ? 0 : Int.random(in: 0...2000, using: &generator)
            tension.look(
                seconds: Double.random(in: 0...100_000, using: &generator), inTime: inTime, late: late,
                attainment: Double.random(in: 0.01...1, using: &generator),
                isExcused: Bool.random(using: &generator))
            guard 0...1 ~= tension.value, 0.05...1 ~= tension.patience, 1.0 / 12.001...1 ~= tension.price,
                late > 0 || tension.value <= before
            else {
                Issue.record("seed \(seed): \(before), then \(tension)")
                return
            }
        }
    }
}
