/// Which deployments keep a worker although there is nothing to do, in memory of hosts that nobody else asks for.
///
/// To keep a worker warm means here: it stays, with its model loaded, when the autoscaler would go to zero. What that saves
/// is the wait of whoever comes next. Expected waiting saved per second is arrivals per second times the time a start takes;
/// per byte held, that is what a worker is worth. Choosing the most worth in a given memory is the knapsack problem; taken
/// here in the order of worth per byte, where each host is a knapsack of its own. On one host the result is at least
/// half of the best when no worker takes more than half of the host (Dantzig's bound), and it does not jump about as the
/// best one may.
///
/// What somebody else asks for comes first, whatever its priority: an open slot is work that waits.
package enum WarmSet {
    /// A deployment that may keep a worker.
    package struct Candidate: Sendable, Hashable {
        package var deployment: String
        /// Arrivals per second, as far as they are known.
        package var rate: Double
        /// Seconds a start takes.
        package var loadTime: Double
        /// Bytes a worker takes.
        package var memory: Int
        /// Hosts that may have it.
        package var hosts: Set<String>
        /// Whether it keeps one now: then it is worth a quarter more, so that two of the same worth do not take turns.
        package var isWarm: Bool

        package init(
            deployment: String, rate: Double, loadTime: Double, memory: Int, hosts: Set<String>, isWarm: Bool = false
        ) {
            self.deployment = deployment
            self.rate = rate
            self.loadTime = loadTime
            self.memory = memory
            self.hosts = hosts
            self.isWarm = isWarm
        }

        /// Seconds of waiting saved per second, per byte.
        package var worth: Double { rate * loadTime / Double(max(1, memory)) * (isWarm ? 1.25 : 1) }
    }

    /// Those of `candidates` that keep a worker.
    ///
    /// - Parameters:
    ///   - hosts: with what their slots take, those of the candidates included. Where memory is not counted nobody knows of
    ///     any that is free.
    ///   - slots: of everybody.
    package static func choose(
        _ candidates: [Candidate], hosts: [Placement.Host], slots: [Placement.Slot]
    ) -> Set<String> {
        let names = Set(candidates.map(\.deployment))
        var room = Room(hosts)
        // Where the worker is that would stay: the oldest. It cannot move.
        var homes: [String: String] = [:]
        for slot in slots.sorted(by: { $0.id < $1.id }) {
            guard let host = slot.host, room.left[host] != nil else { continue }
            if slot.isGivingUp {
                room.willBeFree(slot.memory, on: host)
            } else if names.contains(slot.deployment) {
                room.left[host]? += slot.memory
                if homes[slot.deployment] == nil { homes[slot.deployment] = host }
            }
        }
        let open = slots.filter { $0.host == nil && !names.contains($0.deployment) }
        for slot in open.sorted(by: { ($1.priority, $0.id) < ($0.priority, $1.id) }) { room.reserve(slot) }

        var chosen: Set<String> = []
        // What never comes is worth nothing.
        for candidate in candidates.filter({ $0.worth > 0 }).sorted(by: {
            ($1.worth, $0.deployment) < ($0.worth, $1.deployment)
        }) where room.take(candidate.memory, of: homes[candidate.deployment].map { [$0] } ?? candidate.hosts) {
            chosen.insert(candidate.deployment)
        }
        return chosen
    }

    /// Bytes of hosts.
    private struct Room {
        /// What nobody asks for; what candidates take now is among it.
        var left: [String: Int]
        /// What nobody has, or has for long.
        private var free: [String: Int]

        init(_ hosts: [Placement.Host]) {
            free = Dictionary(hosts.compactMap { host in host.memory.map { (host.name, $0 - host.used) } }) { $1 }
            left = free
        }

        /// A process ends that had so many bytes.
        mutating func willBeFree(_ memory: Int, on host: String) {
            left[host]? += memory
            free[host]? += memory
        }

        /// Leaves room for a slot somebody asks for: where it is free already if there is such a host.
        mutating func reserve(_ slot: Placement.Slot) {
            let isFree = slot.hosts.filter { free[$0, default: 0] >= slot.memory }
            guard let host = fullest(isFree, for: slot.memory) ?? fullest(slot.hosts, for: slot.memory) else { return }
            left[host]? -= slot.memory
            free[host]? -= slot.memory
        }

        /// Takes so many bytes of one of these hosts. False: none has them.
        mutating func take(_ memory: Int, of hosts: Set<String>) -> Bool {
            guard let host = fullest(hosts, for: memory) else { return false }
            left[host]? -= memory
            return true
        }

        /// The host that so many bytes fill most, so that large rooms stay for large ones.
        private func fullest(_ hosts: Set<String>, for memory: Int) -> String? {
            hosts.filter { left[$0].map { $0 >= memory } ?? false }
                .min { (left[$0, default: 0], $0) < (left[$1, default: 0], $1) }
        }
    }
}
