import Postgres
import Queue
import Testing

@testable import Supervisor

struct PromotionPaceTests {
    private var pace = PromotionPace()
    private let floor = Timestamp(microseconds: 5)

    private func found(_ count: Int32 = 0, next: Duration? = nil) -> Promotion {
        Promotion(promoted: count, floor: floor, next: next)
    }

    @Test mutating func `it sleeps until the next is due, at most a quarter of a second`() {
        for (next, pause) in [(nil, 250), (0, 1), (30, 30), (9_000, 250)] as [(Int?, Int)] {
            let wait = pace.looked(
                found(next: next.map { .milliseconds($0) }), wasFull: false, began: .zero, now: .zero)
            #expect(wait == .milliseconds(pause))
        }
        #expect(pace.looked(found(1000), wasFull: false, began: .zero, now: .zero) == .zero)
    }

    @Test mutating func `looks from the beginning take two percent of the time, but come every five seconds`() {
        #expect(pace.start(at: .zero) == nil)
        _ = pace.looked(found(), wasFull: true, began: .zero, now: .milliseconds(10))
        #expect(pace.start(at: .milliseconds(499)) == floor)
        #expect(pace.start(at: .milliseconds(500)) == nil)
        _ = pace.looked(found(), wasFull: true, began: .seconds(1), now: .seconds(2))
        #expect(pace.start(at: .seconds(6.9)) == floor)
        #expect(pace.start(at: .seconds(7)) == nil)
    }
}
