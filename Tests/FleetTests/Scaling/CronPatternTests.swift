import Testing

@testable import Fleet

/// Patterns against times known from a calendar.
@Suite struct CronPatternTests {
    /// Thursday, 16 November 2023, 18:17:03 UTC.
    private let thursday = 1_700_158_623

    @Test(arguments: [
        ("* * * * *", true), ("17 18 * * *", true), ("16 18 * * *", false), ("*/17 18 * * *", true),
        ("0-59 8-17 * * *", false), ("0-59 8-18 * * mon-fri", true), ("* * * * sat,sun", false),
        ("* * 16 nov *", true), ("* * 17 * *", false), ("* * 17 * thu", true), ("* * 16 * fri", true),
        ("* * * 1-10 *", false), ("* 16-2 * * *", true), ("* 22-17 * * *", false), ("* * * * thu-tue", true),
        ("* * * * fri-wed", false), ("* * * 11-3 *", true), ("* * 28-16 * *", true), ("15-1/2 18 * * *", true),
        ("16-1/2 18 * * *", false), ("10-20/7 * * * *", true), ("10-20/5 * * * *", false), ("2/5 * * * 4", true),
    ])
    func matches(_ pattern: String, _ expected: Bool) throws {
        #expect(try CronPattern(pattern).matches(thursday) == expected)
    }

    @Test func sundayHasTwoNumbers() throws {
        let sunday = thursday + 3 * 86_400
        #expect(try CronPattern("* * * * 0").matches(sunday))
        #expect(try CronPattern("* * * * 7").matches(sunday))
        #expect(try !CronPattern("* * * * 1-6").matches(sunday))
        for pattern in ["sat-sun", "sat-mon", "6-0", "6-7", "7-3", "7-0", "fri-thu"] {
            #expect(try CronPattern("* * * * \(pattern)").matches(sunday), "\(pattern)")
            #expect(try CronPattern("* * * * \(pattern)").matches(thursday) == (pattern == "fri-thu"), "\(pattern)")
        }
        #expect(try !CronPattern("* * * * mon-sat").matches(sunday))
    }

    @Test func leapDaysAndTimesBefore1970() throws {
        #expect(try CronPattern("0 0 29 2 *").matches(1_709_164_800))
        #expect(try CronPattern("59 23 31 12 wed").matches(-1))
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *",
        "1- * * * *", "*/0 * * * *", "*/+5 * * * *", "001 * * * *", "*/61 * * * *", "1,,2 * * * *", "-1 * * * *",
        "1;2 * * * *",
        "* * * mon *",
    ])
    func refuses(_ pattern: String) {
        #expect(throws: CronPattern.Malformed.self) { try CronPattern(pattern) }
    }
}
