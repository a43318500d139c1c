import Domain
import Fleet

/// A breaker with a clock and a seed, for tests that read like a history.
struct BreakerHarness {
    var breaker: Breaker
    var generator: SeededGenerator
    var now = Duration.zero

    init(seed: UInt64 = 1, policy: BreakerPolicy = BreakerPolicy()) {
        breaker = Breaker(policy)
        generator = SeededGenerator(seed: seed)
    }

    @discardableResult
    mutating func handle(_ event: Breaker.Event) -> [Breaker.Transition] {
        breaker.handle(event, at: now, using: &generator)
    }

    @discardableResult
    mutating func observe(
        ok: Int = 0, failed: Int = 0, as errorClass: ErrorClass = .retryable, seconds: Double = 1,
        retryAfter: Duration? = nil
    ) -> [Breaker.Transition] {
        handle(
            .observed(
                .of(ok: ok, failed: failed, as: errorClass, seconds: seconds, retryAfter: retryAfter),
                latencyLimit: .seconds(3)))
    }

    @discardableResult
    mutating func pass(_ time: Duration) -> [Breaker.Transition] {
        now += time
        return handle(.ticked)
    }

    /// When it is open, until when.
    var end: Duration? { if case .open(let end) = breaker.state { end } else { nil } }

    /// Waits until it is open no more.
    mutating func waitUntilProbing() { if let end { pass(end - now) } }

    /// Brings it from wherever it is to a state.
    mutating func reach(_ state: Kind) {
        switch state {
        case .closed: break
        case .open: observe(failed: 4)
        case .probing:
            observe(failed: 4)
            waitUntilProbing()
        case .ramping:
            reach(.probing)
            observe(ok: 1)
        case .isolated: handle(.isolationRequested(reason: "why not"))
        }
    }

    /// Lets it pass the steps up to this one, in percent.
    mutating func climb(to percent: Int) -> [Breaker.Transition] {
        var all: [Breaker.Transition] = []
        while breaker.fraction < Double(percent) / 100 {
            now += .seconds(10)
            all += observe(ok: 50)
            if all.count > 20 { return all }
        }
        return all
    }

    enum Kind: CaseIterable { case closed, open, probing, ramping, isolated }

    var kind: Kind {
        switch breaker.state {
        case .closed: .closed
        case .open: .open
        case .probing: .probing
        case .ramping: .ramping
        case .isolated: .isolated
        }
    }
}
