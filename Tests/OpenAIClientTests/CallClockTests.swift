import Testing

@testable import OpenAIClient

@Suite struct CallClockTests {
    private static let times = OpenAIConfiguration.Times(
        connect: .seconds(1), firstByte: .seconds(30), idle: .seconds(8), whole: .seconds(100))
    private let start = ContinuousClock.now

    @Test func theNextLimitIsTheOneThatComesFirst() {
        var clock = CallClock(Self.times, timeLeft: nil, start: start)
        #expect(clock.due == (.firstByte, start + .seconds(30)))
        clock.restarted(at: start + .seconds(5))
        #expect(clock.due == (.firstByte, start + .seconds(35)))
        clock.received(at: start + .seconds(20))
        #expect(clock.due == (.idle, start + .seconds(28)))
        clock.received(at: start + .seconds(95))
        #expect(clock.due == (.whole, start + .seconds(100)))
    }

    @Test func theDeadlineBoundsTheWhole() {
        #expect(CallClock(Self.times, timeLeft: .seconds(2), start: start).due == (.whole, start + .seconds(2)))
        #expect(CallClock(Self.times, timeLeft: .seconds(500), start: start).due.at == start + .seconds(30))
    }

    @Test func aNearerLimitIsNoticedInAQuarterOfItsTime() {
        var clock = CallClock(Self.times, timeLeft: nil, start: start)
        #expect(clock.nextLook(after: start) == start + .seconds(2))
        clock.received(at: start)
        #expect(clock.nextLook(after: start) == start + .seconds(8))
    }
}
