import Glibc
import Synchronization
import Testing

@testable import Worker

/// A backend that answers when it is told to.
private final class SlowBackend: Sendable {
    let asked = Atomic(0)
    private let gate = Mutex(false)

    func answer() { gate.withLock { $0 = true } }

    func ask() -> Bool {
        asked.add(1, ordering: .relaxed)
        while !gate.withLock({ $0 }) { sched_yield() }
        return true
    }
}

@Suite(.timeLimit(.minutes(1))) struct HealthInquiryTests {
    @Test(arguments: [true, false]) func `what the backend says is passed on`(isWell: Bool) async {
        let inquiry = HealthInquiry { isWell }
        #expect(await inquiry.isWell() == isWell)
        #expect(await inquiry.isWell() == isWell)
    }

    @Test func `one that does not answer in time is not well, and is not asked again meanwhile`() async {
        let backend = SlowBackend()
        let inquiry = HealthInquiry { backend.ask() }
        #expect(await inquiry.isWell(within: .milliseconds(5)) == false)
        #expect(await inquiry.isWell(within: .milliseconds(5)) == false)
        #expect(backend.asked.load(ordering: .relaxed) <= 1)
        backend.answer()
        // Whoever waits for the answer when it comes gets it.
        #expect(await inquiry.isWell() == true)
    }

    @Test func `an answer nobody waited for any more is forgotten`() async {
        let backend = SlowBackend()
        let isWell = Atomic(true)
        let inquiry = HealthInquiry { backend.ask() && isWell.load(ordering: .relaxed) }
        #expect(await inquiry.isWell(within: .milliseconds(5)) == false)
        backend.answer()
        while inquiry.isUnderWay { await Task.yield() }
        isWell.store(false, ordering: .relaxed)
        #expect(await inquiry.isWell() == false)
    }

    @Test func `whoever waits goes on at once when nobody wants to know any more`() async {
        let backend = SlowBackend()
        let inquiry = HealthInquiry { backend.ask() }
        async let answer = inquiry.isWell(within: .seconds(3_600))
        inquiry.abandon()
        #expect(await answer == nil)
        backend.answer()
    }
}
