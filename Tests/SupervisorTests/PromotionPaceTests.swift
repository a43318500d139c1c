import Postgres
import Testing

@testable import Supervisor

struct PromotionPaceTests {
    private var pace = PromotionPace()
    private let floor = Timestamp(microseconds: 5)

    private mutating func looked(
        promoted: Int32 = 0, next: Duration? = nil, wasFull: Bool = false, from began: Duration = .zero,
        to now: Duration = .zero
    ) -> Duration {
        pace.looked(promoted: promoted, floor: floor, next: next, wasFull: wasFull, began: began, now: now)
    }

    @Test mutating func `it sleeps until the next is due, at most a quarter of a second`() {
        for (next, pause) in [(nil, 250), (0, 1), (30, 30), (9_000, 250)] as [(Int?, Int)] {
            let wait = looked(next: next.map { .milliseconds($0) })
            #expect(wait == .milliseconds(pause))
        }
        #expect(looked(promoted: 1000) == .zero)
    }

    @Test mutating func `looks from the beginning take two percent of the time, but come every five seconds`() {
        #expect(pace.start(at: .zero) == nil)
        _ = looked(wasFull: true, to: .milliseconds(10))
        #expect(pace.start(at: .milliseconds(499)) == floor)
        #expect(pace.start(at: .milliseconds(500)) == nil)
        _ = looked(wasFull: true, from: .seconds(1), to: .seconds(2))
        #expect(pace.start(at: .seconds(6.9)) == floor)
        #expect(pace.start(at: .seconds(7)) == nil)
    }
}
