import Testing

@testable import Supervisor

struct SweepPaceTests {
    private var pace = SweepPace()

    @Test mutating func `a slot in use is tried less and less often`() {
        var pauses: [Duration] = []
        for _ in 0..<10 { pauses.append(pace.swept("slot 1 is in use; ")) }
        #expect(pauses[..<4] == [.milliseconds(400), .milliseconds(800), .milliseconds(1600), .milliseconds(3200)])
        #expect(pauses.last == .seconds(30))
    }

    @Test(arguments: ["", "busy", "slot 0 left for 1; ", "slot 1 emptied, 3 rows carried; "])
    mutating func `once nothing is in the way it sweeps as often as before`(did: String) {
        _ = pace.swept("slot 1 is in use; slot 2 emptied, 0 rows carried; ")
        #expect(pace.swept(did) == .milliseconds(200))
        #expect(pace.swept("slot 1 is in use; ") == .milliseconds(400))
    }
}
