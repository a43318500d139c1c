/// Says which host should take which slot of a worker, and which slots are to be given up for those of a higher priority.
/// Pure: everything goes in at once, a plan comes out.
///
/// What is planned for one slot is taken into account for the next, and a slot that is being given up holds its memory
/// until its process has ended. A plan is an offer: a host that cannot take a slot leaves it, and it is planned anew.
package enum Placement {
    /// How the workers of a deployment lie on hosts: a word of `sluice.spread_rule` that a host can obey.
    package enum Spread: String, Sendable, Hashable {
        /// On as many hosts as there are, so that the loss of one takes few.
        case spread
        /// On as few as there need be.
        case pack
    }

    /// A host that may get workers.
    package struct Host: Sendable, Hashable {
        package var name: String
        /// Bytes its workers may take; nil: not counted.
        package var memory: Int?
        /// Bytes of those that are spoken for, by its slots.
        package var used: Int

        package init(name: String, memory: Int?, used: Int) {
            self.name = name
            self.memory = memory
            self.used = used
        }
    }

    /// A slot of a worker.
    package struct Slot: Sendable, Hashable {
        package var id: Int64
        package var deployment: String
        /// Bytes its worker takes; 0 when they are not counted.
        package var memory: Int
        /// The higher gets a full host.
        package var priority: Int
        package var spread: Spread
        /// Who may have it.
        package var hosts: Set<String>
        /// Who has it; nil: it is open.
        package var host: String?
        /// Whether its host has it only until its process has ended.
        package var isGivingUp: Bool

        package init(
            id: Int64, deployment: String, memory: Int, priority: Int = 0, spread: Spread = .spread,
            hosts: Set<String>, host: String? = nil, isGivingUp: Bool = false
        ) {
            self.id = id
            self.deployment = deployment
            self.memory = memory
            self.priority = priority
            self.spread = spread
            self.hosts = hosts
            self.host = host
            self.isGivingUp = isGivingUp
        }
    }

    /// What should be done.
    package struct Plan: Sendable, Hashable {
        /// Which host open slots are offered to, by id.
        package var offers: [Int64: String] = [:]
        /// Slots to be given up, with the reason of each.
        package var givenUp: [Int64: String] = [:]
        /// Deployments with a slot that no host has room for, with the reason of each.
        package var unplaced: [String: String] = [:]

        /// Everything stays as it is.
        package init() {}
    }

    /// The plan for all `slots` on `hosts`.
    package static func plan(hosts: [Host], slots: [Slot]) -> Plan {
        var desk = Desk(hosts: hosts, slots: slots)
        let open = slots.filter { $0.host == nil }.sorted { ($1.priority, $0.id) < ($0.priority, $1.id) }
        for slot in open { desk.place(slot) }
        return desk.plan
    }
}

extension Placement {
    /// The hosts as they will be when everything planned so far is done.
    private struct Desk {
        var plan = Plan()
        private var hosts: [Host]
        /// Memory that becomes free when what is being given up has ended, by host.
        private var leaving: [String: Int] = [:]
        private var workers: [String: [String: Int]] = [:]
        private var held: [Slot]

        init(hosts: [Host], slots: [Slot]) {
            self.hosts = hosts.sorted { $0.name < $1.name }
            held = slots.filter { $0.host != nil && !$0.isGivingUp }
            for slot in slots {
                guard let host = slot.host else { continue }
                if slot.isGivingUp {
                    leaving[host, default: 0] += slot.memory
                } else {
                    workers[slot.deployment, default: [:]][host, default: 0] += 1
                }
            }
        }

        mutating func place(_ slot: Slot) {
            let allowed = hosts.indices.filter { slot.hosts.contains(hosts[$0].name) }
            let fitting = allowed.filter { free(hosts[$0]) >= slot.memory }
            if let best = fitting.min(by: { isBetter(hosts[$0], hosts[$1], for: slot) }) {
                plan.offers[slot.id] = hosts[best].name
                return book(slot, at: best)
            }
            // Where enough is about to become free it only has to wait.
            if let next = allowed.first(where: { free(hosts[$0]) + leaving[hosts[$0].name, default: 0] >= slot.memory })
            {
                leaving[hosts[next].name, default: 0] -= slot.memory
                return
            }
            guard displace(for: slot, among: allowed) == false else { return }
            plan.unplaced[slot.deployment] =
                allowed.isEmpty
                ? "no host has the labels it asks for"
                : "no host has \(slot.memory >> 20) MiB free for a worker of it"
        }

        /// Bytes nobody has spoken for.
        private func free(_ host: Host) -> Int { host.memory.map { $0 - host.used } ?? .max }

        private func isBetter(_ one: Host, _ other: Host, for slot: Slot) -> Bool {
            let counts = workers[slot.deployment] ?? [:]
            switch slot.spread {
            case .spread:
                let (mine, theirs) = (counts[one.name, default: 0], counts[other.name, default: 0])
                if mine != theirs { return mine < theirs }
                if free(one) != free(other) { return free(one) > free(other) }
            case .pack:
                let (mine, theirs) = (counts[one.name, default: 0], counts[other.name, default: 0])
                if (mine == 0) != (theirs == 0) { return mine > 0 }
                if free(one) != free(other) { return free(one) < free(other) }
            }
            return one.name < other.name
        }

        private mutating func book(_ slot: Slot, at index: Int) {
            hosts[index].used += slot.memory
            workers[slot.deployment, default: [:]][hosts[index].name, default: 0] += 1
        }

        /// Has as few slots of the lowest priorities given up as make room for `slot`. False: that cannot be.
        private mutating func displace(for slot: Slot, among allowed: [Int]) -> Bool {
            var best: (host: Int, victims: [Slot])?
            for index in allowed {
                let host = hosts[index]
                var missing = slot.memory - free(host) - leaving[host.name, default: 0]
                var victims: [Slot] = []
                let weaker = held.filter { $0.host == host.name && $0.priority < slot.priority && $0.memory > 0 }
                    .sorted { ($0.priority, $1.id) < ($1.priority, $0.id) }
                for victim in weaker where missing > 0 {
                    victims.append(victim)
                    missing -= victim.memory
                }
                guard missing <= 0, best.map({ victims.count < $0.victims.count }) ?? true else { continue }
                best = (index, victims)
            }
            guard let best else { return false }
            let name = hosts[best.host].name
            for victim in best.victims {
                plan.givenUp[victim.id] =
                    "a worker on \(name) makes room for \(slot.deployment), whose priority \(slot.priority) is above \(victim.priority)"
                leaving[name, default: 0] += victim.memory
                workers[victim.deployment]?[name, default: 1] -= 1
                held.removeAll { $0.id == victim.id }
            }
            leaving[name, default: 0] -= slot.memory
            return true
        }
    }
}
