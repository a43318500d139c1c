import Domain
import Fleet
import Testing

struct ClientThrottleTests {
    @Test(arguments: [(100, 0, 1.0), (100, 10, 1), (100, 100, 0.552), (10, 190, 0.05), (0, 50, 0.02)])
    func `what is refused beyond a tenth is held back`(accepted: Int, refused: Int, expected: Double) {
        var throttle = ClientThrottle()
        throttle.record(.of(ok: accepted), at: .zero)
        throttle.record(.of(failed: refused, as: .rateLimited), at: .seconds(1))
        #expect((throttle.admitted(at: .seconds(1)) - expected).magnitude < 0.011)
    }

    @Test func `errors are answers, and the past is forgotten`() {
        var throttle = ClientThrottle()
        throttle.record(.of(failed: 100, as: .timeout), at: .zero)
        #expect(throttle.admitted(at: .zero) == 1)
        throttle.record(.of(failed: 900, as: .overloaded), at: .zero)
        #expect(throttle.admitted(at: .zero) < 0.2)
        #expect(throttle.admitted(at: .seconds(61)) == 1)
    }
}
