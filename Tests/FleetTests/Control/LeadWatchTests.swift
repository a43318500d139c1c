import Fleet
import Testing

struct LeadWatchTests {
    private var watch = LeadWatch()

    /// A look after so many milliseconds, at a leader whose sign is so many seconds old.
    private mutating func saw(
        _ sign: String, silent seconds: Int, at milliseconds: Int, session: Int32 = 1, isWorking: Bool = false
    ) -> Bool {
        watch.saw(
            .init(session: session, sign: sign, silence: .seconds(seconds), isWorking: isWorking),
            at: .milliseconds(milliseconds))
    }

    @Test mutating func `one that says nothing for three seconds has stalled`() {
        let answers = [
            saw("a", silent: 0, at: 0), saw("a", silent: 1, at: 1_000), saw("a", silent: 2, at: 2_000),
            saw("a", silent: 3, at: 3_000),
        ]
        #expect(answers == [false, false, false, true])
    }

    @Test mutating func `one that gives signs stays, however late they come`() {
        for second in 0..<60 {
            let hasStalled = saw("\(second / 2)", silent: 10, at: second * 1_000)
            #expect(!hasStalled)
        }
    }

    @Test mutating func `one look after a long time proves nothing, nor does one old sign`() {
        // The database stood still, and the one who looks with it.
        let answers = [
            saw("a", silent: 0, at: 0), saw("a", silent: 60, at: 60_000), saw("b", silent: 0, at: 60_500),
            // Whoever has just taken the lead has given no sign yet.
            saw("b", silent: 90, at: 150_000, session: 2), saw("b", silent: 91, at: 151_000, session: 2),
            saw("b", silent: 92, at: 151_900, session: 2), saw("b", silent: 92, at: 152_000, session: 2),
        ]
        #expect(answers == [false, false, false, false, false, false, true])
    }

    @Test mutating func `while the server works for it, it has twenty`() {
        for second in 0..<20 {
            let hasStalled = saw("a", silent: second, at: second * 1_000, isWorking: true)
            #expect(!hasStalled)
        }
        let late = saw("a", silent: 20, at: 20_000, isWorking: true)
        let idle = saw("a", silent: 4, at: 21_000)
        #expect(late && idle)
    }

    @Test mutating func `nobody has not stalled`() {
        for second in 0..<10 {
            let hasStalled = watch.saw(nil, at: .seconds(second))
            #expect(!hasStalled)
        }
        let taken = saw("a", silent: 60, at: 10_000)
        #expect(!taken)
    }
}
