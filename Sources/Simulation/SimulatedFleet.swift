import Fleet

/// What a simulated fleet is made of.
package struct FleetSetting: Sendable, Hashable {
    /// How long a start takes.
    package var coldStart = Spread(median: 30)
    /// The part of starts that fail after their time, 0 to 1.
    package var startFailures = 0.0
    /// Jobs a worker runs at a time.
    package var slots = 1
    /// Seconds within which a job is to start.
    package var objective = 30.0
    /// The seed of the start times and failures.
    package var seed: UInt64 = 1
    /// The most workers anybody gets.
    package var maxWorkers = 1000

    /// The defaults.
    package init() {}
}

/// Replays a trace against a policy in virtual time: from event to event, and from look to look.
///
/// It begins without workers, at the trace's start, and ends with the last job. Jobs start in the order they came, on the
/// worker with the most jobs that has a free slot, the most recently used among equals. A worker is paid for from the
/// decision to start it until it is gone, failed starts too. What is given back: starting workers first (the youngest), then
/// idle ones (the longest idle), then busy ones, which take no more jobs and end with their last.
package struct SimulatedFleet: ~Copyable {
    private struct Worker {
        enum State { case starting, ready, draining, gone }
        var state = State.starting
        let startedAt: Double
        var busy = 0
        var lastUsed = 0.0
    }

    private struct Event: Comparable {
        enum Kind { case jobEnded(worker: Int, job: Int), startEnded(worker: Int, took: Double, failed: Bool) }
        let time: Double
        let order: Int
        let kind: Kind
        static func < (one: Event, other: Event) -> Bool { (one.time, one.order) < (other.time, other.order) }
        static func == (one: Event, other: Event) -> Bool { one.order == other.order }
    }

    private let trace: Trace
    private let setting: FleetSetting
    private var numbers: SeededNumbers
    private var look = FleetLook()
    private var events = MinHeap<Event>()
    private var eventCount = 0
    private var workers: [Worker] = []
    /// Workers that are not gone, in the order of their start.
    private var alive: [Int] = []
    private var now = 0.0
    private var arrived = 0
    private var started = 0
    private var ended = 0
    private var report: FleetReport
    private var keepsTimeline: Bool

    private init(_ trace: Trace, _ setting: FleetSetting, keepsTimeline: Bool) {
        self.trace = trace
        self.setting = setting
        self.keepsTimeline = keepsTimeline
        numbers = SeededNumbers(seed: setting.seed)
        report = FleetReport(jobs: trace.arrivals.count, work: trace.work)
        look.slots = setting.slots
        look.allArrivals = trace.arrivals
    }

    /// What becomes of the trace with this policy.
    package static func run(
        _ trace: Trace, _ policy: some ScalingPolicy, _ setting: FleetSetting, keepsTimeline: Bool = false
    ) -> FleetReport {
        var fleet = SimulatedFleet(trace, setting, keepsTimeline: keepsTimeline)
        var policy = policy
        fleet.run(&policy)
        return fleet.report
    }

    private mutating func run(_ policy: inout some ScalingPolicy) {
        let jobs = trace.arrivals.count
        let idleTimeout = policy.idleTimeout
        var nextLook = 0.0
        // A policy that never gives the last jobs a worker ends here.
        let end = trace.length + 86_400
        while ended < jobs, now < end {
            let arrival = arrived < jobs ? trace.arrivals[arrived] : .infinity
            let event = events.first?.time ?? .infinity
            if event <= arrival, event <= nextLook {
                now = event
                handle(events.removeFirst())
            } else if arrival <= nextLook {
                now = arrival
                arrived += 1
                look.arrivals += 1
                dispatch()
            } else {
                now = nextLook
                nextLook += policy.interval
                prepareLook(idleTimeout)
                let desired = min(max(0, policy.desired(look)), setting.maxWorkers)
                forgetLook()
                follow(desired)
                if keepsTimeline { note(desired) }
            }
        }
        for index in alive { report.workerSeconds += now - workers[index].startedAt }
        report.unserved = jobs - started
        report.length = now
        report.finish(objective: setting.objective)
    }

    private mutating func handle(_ event: Event) {
        switch event.kind {
        case .jobEnded(let worker, let job):
            ended += 1
            look.running -= 1
            look.runTimes.append(trace.services[job])
            workers[worker].busy -= 1
            workers[worker].lastUsed = now
            if workers[worker].busy == 0 {
                if workers[worker].state == .draining { remove(worker) } else { look.busyWorkers -= 1 }
            }
            dispatch()
        case .startEnded(let worker, let took, let failed):
            guard workers[worker].state == .starting else { return }
            if failed {
                look.startsFailed += 1
                report.failedStarts += 1
                remove(worker)
            } else {
                workers[worker].state = .ready
                workers[worker].lastUsed = now
                look.ready += 1
                look.startsFinished.append(took)
                dispatch()
            }
        }
    }

    private mutating func remove(_ worker: Int) {
        workers[worker].state = .gone
        report.workerSeconds += now - workers[worker].startedAt
        if let index = alive.firstIndex(of: worker) { alive.remove(at: index) }
    }

    private mutating func schedule(_ kind: Event.Kind, after delay: Double) {
        eventCount += 1
        events.insert(Event(time: now + delay, order: eventCount, kind: kind))
    }

    private mutating func dispatch() {
        while started < arrived, look.running < look.ready * setting.slots + draining, let worker = freeWorker() {
            if workers[worker].busy == 0 { look.busyWorkers += 1 }
            workers[worker].busy += 1
            workers[worker].lastUsed = now
            let wait = now - trace.arrivals[started]
            report.record(wait: wait)
            if wait <= setting.objective { look.startedInTime += 1 } else { look.startedLate += 1 }
            look.running += 1
            schedule(.jobEnded(worker: worker, job: started), after: trace.services[started])
            started += 1
        }
    }

    /// Jobs that run on workers which take no more.
    private var draining: Int {
        drainingWorkers == 0 ? 0 : alive.reduce(0) { $0 + (workers[$1].state == .draining ? workers[$1].busy : 0) }
    }
    private var drainingWorkers: Int { alive.count - look.ready - startingCount }
    private var startingCount: Int { alive.reduce(0) { $0 + (workers[$1].state == .starting ? 1 : 0) } }

    private func freeWorker() -> Int? {
        var best: Int?
        var bestRank = (-1, -1.0)
        for index in alive where workers[index].state == .ready && workers[index].busy < setting.slots {
            let rank = (workers[index].busy, workers[index].lastUsed)
            if rank > bestRank {
                best = index
                bestRank = rank
            }
        }
        return best
    }

    private mutating func prepareLook(_ idleTimeout: Double?) {
        look.time = now
        look.waitingRange = started..<arrived
        look.starting.removeAll(keepingCapacity: true)
        look.expired = 0
        for index in alive {
            let worker = workers[index]
            if worker.state == .starting { look.starting.append(worker.startedAt) }
            if let idleTimeout, worker.state == .ready, worker.busy == 0, now - worker.lastUsed >= idleTimeout {
                look.expired += 1
            }
        }
    }

    private mutating func forgetLook() {
        look.arrivals = 0
        look.startsFailed = 0
        look.startedInTime = 0
        look.startedLate = 0
        if !look.startsFinished.isEmpty { look.startsFinished.removeAll(keepingCapacity: true) }
        if !look.runTimes.isEmpty { look.runTimes.removeAll(keepingCapacity: true) }
    }

    private mutating func follow(_ desired: Int) {
        let count = look.workers
        if count < desired {
            for _ in count..<desired {
                alive.append(workers.count)
                workers.append(Worker(startedAt: now))
                let took = setting.coldStart.sample(&numbers)
                let failed = setting.startFailures > 0 && numbers.uniform() < setting.startFailures
                schedule(.startEnded(worker: workers.count - 1, took: took, failed: failed), after: took)
            }
            report.starts += desired - count
        } else if count > desired {
            giveBack(count - desired)
        }
    }

    private mutating func giveBack(_ count: Int) {
        func rank(_ worker: Worker) -> (Int, Double) {
            switch worker.state {
            case .starting: (0, -worker.startedAt)
            default: (worker.busy == 0 ? 1 : 1 + worker.busy, worker.lastUsed)
            }
        }
        let candidates = alive.filter { workers[$0].state == .starting || workers[$0].state == .ready }
        for index in candidates.sorted(by: { rank(workers[$0]) < rank(workers[$1]) }).prefix(count) {
            if workers[index].state == .ready {
                look.ready -= 1
                if workers[index].busy > 0 {
                    look.busyWorkers -= 1
                    workers[index].state = .draining
                    continue
                }
            }
            remove(index)
        }
    }

    private mutating func note(_ desired: Int) {
        report.timeline.append(
            FleetReport.Point(
                time: now, running: look.running, waiting: arrived - started, ready: look.ready, desired: desired,
                oldestWait: started < arrived ? now - trace.arrivals[started] : 0))
    }
}
