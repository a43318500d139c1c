import Synchronization
import Testing

@testable import Worker

private final class Counts: Sendable {
    let added = Atomic(0)
    let taken = Atomic(0)
}

struct SignalTests {
    @Test func `a signal before the wait is kept`() async {
        let signal = Signal()
        signal.raise()
        signal.raise()
        await signal.wait()
    }

    @Test func `a wait has an end`() async { await Signal().wait(atMost: .milliseconds(1)) }

    @Test func `a cancelled wait ends`() async {
        await withTaskGroup { group in
            group.addTask { await Signal().wait() }
            group.cancelAll()
        }
    }

    /// A producer that adds and raises, and a consumer that takes and waits: one lost wake-up and this never ends.
    @Test(arguments: [false, true]) func `no wake-up is lost`(isTimed: Bool) async {
        let total = isTimed ? 3000 : 20_000
        let counts = Counts()
        let (forth, back) = (Signal(), Signal())
        await withTaskGroup { group in
            group.addTask {
                for _ in 0..<total {
                    counts.added.add(1, ordering: .sequentiallyConsistent)
                    forth.raise()
                    // Not before the other side has seen it: every round depends on one wake-up.
                    while counts.taken.load(ordering: .sequentiallyConsistent)
                        < counts.added.load(ordering: .sequentiallyConsistent)
                    {
                        await back.wait()
                    }
                }
            }
            group.addTask {
                while counts.taken.load(ordering: .sequentiallyConsistent) < total {
                    if counts.taken.load(ordering: .sequentiallyConsistent)
                        == counts.added.load(ordering: .sequentiallyConsistent)
                    {
                        if isTimed { await forth.wait(atMost: .seconds(3600)) } else { await forth.wait() }
                    } else {
                        counts.taken.add(1, ordering: .sequentiallyConsistent)
                        back.raise()
                    }
                }
            }
        }
        #expect(counts.taken.load(ordering: .relaxed) == total)
    }

    /// Raises while waits run out: whatever the wait ended by, what was raised for is there to be seen.
    @Test func `a wait that runs out loses nothing either`() async {
        let counts = Counts()
        let signal = Signal()
        await withTaskGroup { group in
            group.addTask {
                for _ in 0..<2000 {
                    counts.added.add(1, ordering: .sequentiallyConsistent)
                    signal.raise()
                    await Task.yield()
                }
            }
            group.addTask {
                while counts.taken.load(ordering: .sequentiallyConsistent) < 2000 {
                    if counts.taken.load(ordering: .sequentiallyConsistent)
                        == counts.added.load(ordering: .sequentiallyConsistent)
                    {
                        await signal.wait(atMost: .microseconds(50))
                    } else {
                        counts.taken.add(1, ordering: .sequentiallyConsistent)
                    }
                }
            }
        }
        #expect(counts.taken.load(ordering: .relaxed) == 2000)
    }
}
