import Domain
import Fleet
import FoundationEssentials
import Queue

/// The deployments whose number of workers is not fixed, as the controller scales them: turns what SQL saw into
/// observations, asks one `Autoscaler` for each, and says what SQL is to hold. Pure.
///
/// Times are those of the database's clock, since 1970, so that any supervisor can go on.
struct ScaledFleet: Sendable {
    /// How long a row of what was decided may be old although nothing changed.
    private static let freshness = Duration.seconds(10)
    /// How often what was learned is written: it is some kilobytes, and a minute of it is no loss.
    private static let memoryInterval = Duration.seconds(60)
    /// What `sluice.desired` says of the cause of a worker that is kept warm.
    private static let warmCause = "preload"
    /// Over which time arrivals are averaged for what a warm worker is worth.
    private static let rateWindow = 3600.0

    fileprivate struct Member: Sendable {
        let name: String
        var declared: DeclaredScaling
        var text: String
        var autoscaler: Autoscaler
        /// Hosts that may have its workers.
        var hosts: Set<String> = []
        var cause = ""
        var writtenAt: Duration?
        var rememberedAt: Duration?
        /// The last decision for another number, until it is known to be written.
        var unsaid: ScalingOrder?
        /// Arrivals per second, averaged.
        var rate = 0.0
        var lookedAt: Int64?
        var isWarm = false

        /// The start that half of the last ones did not exceed, in seconds.
        var loadTime: Double {
            let starts = autoscaler.startTimes
            return starts.isEmpty ? 0 : starts.sorted()[starts.count / 2]
        }
    }

    private var members: [Int32: Member] = [:]

    /// Those with a query of their own, by deployment.
    var queries: [Int32: (text: String, timeout: Duration)] {
        members.compactMapValues { member in member.declared.query.map { ($0, member.declared.queryTimeout) } }
    }

    /// Whether some may keep a worker warm: then it has to be known what memory of hosts nobody asks for.
    var keepsWarm: Bool { members.values.contains { $0.declared.isPreloaded } }

    /// Takes in which deployments there are and by which rules. Returns a sentence for each rule that cannot be obeyed; its
    /// deployment stays as it is.
    mutating func declare(_ deployments: [ScaledDeployment]) -> [String] {
        var problems: [String] = []
        let known = Set(deployments.map(\.id))
        members = members.filter { known.contains($0.key) }
        for deployment in deployments {
            let text = "\(deployment.slots) \(deployment.rule)"
            defer { members[deployment.id]?.hosts = Set(deployment.hosts) }
            if let member = members[deployment.id], member.text == text { continue }
            let declared: DeclaredScaling
            do {
                declared = try DeclaredScaling(deployment)
            } catch {
                problems.append(error.description)
                members[deployment.id] = nil
                continue
            }
            if members[deployment.id] != nil {
                members[deployment.id]?.declared = declared
                members[deployment.id]?.text = text
                members[deployment.id]?.autoscaler.change(rule: declared.rule)
                continue
            }
            // One that was kept warm was not asked for: for the policy there was none.
            let isWarm = deployment.cause == Self.warmCause
            let autoscaler = Autoscaler(rule: declared.rule, desired: isWarm ? 0 : Int(deployment.desired))
            var member = Member(name: deployment.name, declared: declared, text: text, autoscaler: autoscaler)
            (member.cause, member.isWarm) = (deployment.cause, isWarm)
            if let text = deployment.memory {
                if let memory = Self.memory(of: text) {
                    member.autoscaler.memory = memory
                    member.rate = memory.arrivalRate ?? 0
                } else {
                    problems.append("What was learned of \(deployment.name) cannot be read; it is learned anew.")
                }
            }
            members[deployment.id] = member
        }
        return problems
    }

    /// Decides by what was seen, and says what to write: what changed, and what was not written for long.
    ///
    /// - Parameters:
    ///   - numbers: what operators' queries returned; without those that failed.
    ///   - hosts: those that may get workers, with what slots take of them. Needed if it `keepsWarm`.
    ///   - slots: all slots. Needed if it `keepsWarm`.
    mutating func decide(
        _ looks: [ScalingLook], numbers: [Int32: Double], hosts: [Placement.Host], slots: [Placement.Slot]
    ) -> [ScalingOrder] {
        var decisions: [(look: ScalingLook, decision: ScalingDecision)] = []
        for look in looks {
            guard var member = members[look.deployment] else { continue }
            var observation = ScalingObservation(look)
            if member.declared.query != nil {
                observation.query = numbers[look.deployment]
                observation.isComplete = observation.query != nil
            }
            member.learn(look, over: Self.rateWindow)
            decisions.append((look, member.autoscaler.decide(observation)))
            members[look.deployment] = member
        }
        let warm = warmSet(decisions, hosts, slots)
        return decisions.compactMap { order($0.look, $0.decision, isWarm: warm.contains($0.look.deployment)) }
    }

    /// The orders were written.
    mutating func written() {
        for id in members.keys { members[id]?.unsaid = nil }
    }

    /// The orders were not written: all of it is said again, and that a number changed until it has been.
    mutating func refused() {
        for id in members.keys {
            members[id]?.writtenAt = nil
            members[id]?.rememberedAt = nil
        }
    }

    private mutating func order(_ look: ScalingLook, _ decision: ScalingDecision, isWarm: Bool) -> ScalingOrder? {
        guard var member = members[look.deployment] else { return nil }
        let now = Duration.milliseconds(look.taken)
        let stays = decision.desired == 0 && isWarm
        let cause = stays ? Self.warmCause : decision.cause.name
        let hasChanged = stays != member.isWarm || decision.hasChanged && !stays
        let isNews = hasChanged || cause != member.cause || member.unsaid != nil
        guard isNews || member.writtenAt.map({ now - $0 >= Self.freshness }) ?? true else { return nil }
        let isForgettable = member.rememberedAt.map { now - $0 < Self.memoryInterval } ?? false
        var order = ScalingOrder(
            deployment: look.deployment, workers: Int32(stays ? 1 : decision.desired), hasChanged: hasChanged,
            cause: cause,
            reason: stays
                ? "1 worker stays warm: a start takes \((member.loadTime * 10).rounded() / 10) s, and the memory is free"
                : decision.reason,
            inputs: JSONOutput.object(decision.inputs.map { .init($0.name, Self.number($0.value)) }).text,
            memory: isForgettable ? nil : Self.text(of: member.memory))
        // The decision for this number is not a row yet, and its reason is the one of then.
        if !hasChanged, let unsaid = member.unsaid {
            (order.hasChanged, order.cause) = (true, unsaid.cause)
            (order.reason, order.inputs) = (unsaid.reason, unsaid.inputs)
        }
        if order.hasChanged {
            member.unsaid = order
            member.unsaid?.memory = nil
        }
        if !isForgettable { member.rememberedAt = now }
        (member.cause, member.writtenAt, member.isWarm) = (cause, now, stays)
        members[look.deployment] = member
        return order
    }

    /// Which of those that would go to zero keep a worker.
    private func warmSet(
        _ decisions: [(look: ScalingLook, decision: ScalingDecision)], _ hosts: [Placement.Host],
        _ slots: [Placement.Slot]
    ) -> Set<Int32> {
        var candidates: [WarmSet.Candidate] = []
        var ids: [String: Int32] = [:]
        for (look, decision) in decisions where decision.desired == 0 {
            guard let member = members[look.deployment], member.declared.isPreloaded,
                member.declared.rule.maxWorkers > 0, let memory = member.declared.rule.memoryPerWorker
            else { continue }
            candidates.append(
                .init(
                    deployment: member.name, rate: member.rate, loadTime: member.loadTime, memory: memory,
                    hosts: member.hosts, isWarm: member.isWarm))
            ids[member.name] = look.deployment
        }
        guard !candidates.isEmpty else { return [] }
        return Set(WarmSet.choose(candidates, hosts: hosts, slots: slots).compactMap { ids[$0] })
    }

    private static func number(_ value: Double) -> JSONOutput { value.isFinite ? .number(value) : .null }

    /// Nil: it cannot be read, or another version wrote it that counts otherwise.
    private static func memory(of text: String) -> ScalingMemory? {
        do {
            let memory = try JSONDecoder().decode(ScalingMemory.self, from: Data(text.utf8))
            return memory.isWhole ? memory : nil
        } catch {
            return nil
        }
    }

    private static func text(of memory: ScalingMemory) -> String? {
        do {
            return String(decoding: try JSONEncoder().encode(memory), as: UTF8.self)
        } catch {
            // Not a number may have crept in: better nothing than that.
            return nil
        }
    }
}

extension ScaledFleet.Member {
    /// What was learned, to be kept for the next controller.
    fileprivate var memory: ScalingMemory {
        var memory = autoscaler.memory
        memory.arrivalRate = rate
        return memory
    }

    fileprivate mutating func learn(_ look: ScalingLook, over window: Double) {
        if let lookedAt, look.taken > lookedAt {
            let passed = Double(look.taken - lookedAt) / 1000
            let weight = min(1, passed / window)
            rate += (Double(look.arrivals) / passed - rate) * weight
        }
        lookedAt = look.taken
    }
}

extension ScalingObservation {
    /// What SQL saw.
    init(_ look: ScalingLook) {
        self.init(time: .milliseconds(look.taken))
        arrivals = Int(look.arrivals)
        waiting = zip(look.waitingAges, look.waitingCounts).map {
            Waiting(age: .milliseconds($0), count: Int($1))
        }
        if waiting.count > Self.groupLimit {
            let rest = waiting[(Self.groupLimit - 1)...]
            let last = Waiting(age: rest.first?.age ?? .zero, count: rest.reduce(0) { $0 + $1.count })
            waiting = waiting.prefix(Self.groupLimit - 1) + [last]
        }
        waitingBatch = Int(look.waitingBatch)
        running = Int(look.running)
        runningBatch = Int(look.runningBatch)
        ready = Int(look.ready)
        busyWorkers = Int(look.busy)
        starting = look.startingAges.map { .milliseconds($0) }.sorted(by: >)
        startsFinished = look.starts.map { .milliseconds($0) }
        startsFailed = Int(look.startsFailed)
        runTimes = look.runTimes.map { .milliseconds($0) }
        startedInTime = Int(look.startedInTime)
        startedLate = Int(look.startedLate)
    }
}
