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
    /// Over which time arrivals are averaged for what a warm worker is worth.
    private static let rateWindow = 3600.0

    fileprivate struct Member: Sendable {
        var declared: DeclaredScaling
        var text: String
        var autoscaler: Autoscaler
        var cause = ""
        var writtenAt: Duration?
        var rememberedAt: Duration?
        /// Arrivals per second, averaged.
        var rate = 0.0
        var lookedAt: Int64?
        /// The start that half of the last ones did not exceed, in seconds.
        var starts: [Double] = []
        var isWarm = false

        var loadTime: Double { starts.isEmpty ? 0 : starts.sorted()[starts.count / 2] }
    }

    private var members: [Int32: Member] = [:]

    /// Those with a query of their own, by deployment.
    var queries: [Int32: (text: String, timeout: Duration)] {
        members.compactMapValues { member in member.declared.query.map { ($0, member.declared.queryTimeout) } }
    }

    /// Takes in which deployments there are and by which rules. Returns a sentence for each rule that cannot be obeyed; its
    /// deployment stays as it is.
    mutating func declare(_ deployments: [ScaledDeployment]) -> [String] {
        var problems: [String] = []
        let known = Set(deployments.map(\.id))
        members = members.filter { known.contains($0.key) }
        for deployment in deployments {
            let text = "\(deployment.slots) \(deployment.rule)"
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
            var autoscaler = Autoscaler(rule: declared.rule, desired: Int(deployment.desired))
            if let memory = deployment.memory {
                do {
                    autoscaler.memory = try JSONDecoder().decode(ScalingMemory.self, from: Data(memory.utf8))
                } catch {
                    problems.append("What was learned of \(deployment.name) cannot be read; it is learned anew.")
                }
            }
            members[deployment.id] = Member(declared: declared, text: text, autoscaler: autoscaler)
        }
        return problems
    }

    /// Decides by what was seen, and says what to write: what changed, and what was not written for long.
    ///
    /// - Parameters:
    ///   - numbers: what operators' queries returned; without those that failed.
    ///   - free: bytes of each host that no slot speaks for.
    mutating func decide(_ looks: [ScalingLook], numbers: [Int32: Double], free: [Int]) -> [ScalingOrder] {
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
        let warm = warmSet(decisions, free)
        return decisions.compactMap { order($0.look, $0.decision, isWarm: warm.contains("\($0.look.deployment)")) }
    }

    /// The orders were not written: all of it is said again.
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
        let cause = stays ? "preload" : decision.cause.name
        let hasChanged = decision.hasChanged && !stays && !(member.isWarm && decision.desired == 1)
        let isNews = hasChanged || cause != member.cause || stays != member.isWarm
        guard isNews || member.writtenAt.map({ now - $0 >= Self.freshness }) ?? true else { return nil }
        let isForgettable = member.rememberedAt.map { now - $0 < Self.memoryInterval } ?? false
        let order = ScalingOrder(
            deployment: look.deployment, workers: Int32(stays ? 1 : decision.desired),
            hasChanged: hasChanged || stays != member.isWarm, cause: cause,
            reason: stays
                ? "1 worker stays warm: a start takes \((member.loadTime * 10).rounded() / 10) s, and the memory is free"
                : decision.reason,
            inputs: JSONOutput.object(decision.inputs.map { .init($0.name, Self.number($0.value)) }).text,
            memory: isForgettable ? nil : Self.text(of: member.autoscaler.memory))
        if !isForgettable { member.rememberedAt = now }
        (member.cause, member.writtenAt, member.isWarm) = (cause, now, stays)
        members[look.deployment] = member
        return order
    }

    /// Which of those that would go to zero keep a worker.
    private func warmSet(_ decisions: [(look: ScalingLook, decision: ScalingDecision)], _ free: [Int]) -> Set<String> {
        var free = free
        var candidates: [WarmSet.Candidate] = []
        for (look, decision) in decisions where decision.desired == 0 {
            guard let member = members[look.deployment], member.declared.isPreloaded,
                member.declared.rule.maxWorkers > 0, let memory = member.declared.rule.memoryPerWorker
            else { continue }
            candidates.append(
                .init(
                    deployment: "\(look.deployment)", rate: member.rate, loadTime: member.loadTime, memory: memory,
                    isWarm: member.isWarm))
            // Its own worker is not in its way.
            if look.ready + Int32(look.startingAges.count) > 0, let host = free.indices.max(by: { free[$0] < free[$1] })
            {
                free[host] += memory
            }
        }
        return candidates.isEmpty ? [] : WarmSet.choose(candidates, free: free)
    }

    private static func number(_ value: Double) -> JSONOutput { value.isFinite ? .number(value) : .null }

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
    fileprivate mutating func learn(_ look: ScalingLook, over window: Double) {
        if let lookedAt, look.taken > lookedAt {
            let passed = Double(look.taken - lookedAt) / 1000
            let weight = min(1, passed / window)
            rate += (Double(look.arrivals) / passed - rate) * weight
        }
        lookedAt = look.taken
        starts = Array((starts + look.starts.map { Double($0) / 1000 }).suffix(50))
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
