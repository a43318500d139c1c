import Fleet
import Testing

struct PlacementTests {
    private typealias Slot = Placement.Slot
    private let both: Set = ["a", "b"]

    private func host(_ name: String, _ memory: Int?, used: Int = 0) -> Placement.Host {
        .init(name: name, memory: memory, used: used)
    }

    @Test func `workers are spread over hosts, by what each has of the deployment`() {
        let slots = (1...4).map { Slot(id: $0, deployment: "d", memory: 10, hosts: both) }
        let plan = Placement.plan(hosts: [host("a", 100), host("b", 100)], slots: slots)
        #expect(plan.offers == [1: "a", 2: "b", 3: "a", 4: "b"])
        let held = [Slot(id: 1, deployment: "d", memory: 10, hosts: both, host: "a")] + slots[1...1]
        #expect(Placement.plan(hosts: [host("a", 100, used: 10), host("b", 20)], slots: held).offers == [2: "b"])
    }

    @Test func `packed workers fill the host that has some, then the next`() {
        let slots = (1...5).map { Slot(id: $0, deployment: "d", memory: 10, spread: .pack, hosts: both) }
        let plan = Placement.plan(hosts: [host("a", 30), host("b", 20)], slots: slots)
        #expect(plan.offers == [1: "b", 2: "b", 3: "a", 4: "a", 5: "a"])
    }

    @Test func `a host without room or without the labels is no host`() {
        let slots = [
            Slot(id: 1, deployment: "large", memory: 50, hosts: both),
            Slot(id: 2, deployment: "labelled", memory: 1, hosts: []),
        ]
        let plan = Placement.plan(hosts: [host("a", 40), host("b", 40)], slots: slots)
        #expect(plan.offers.isEmpty && plan.givenUp.isEmpty)
        #expect(plan.unplaced["labelled"] == "no host has the labels it asks for")
        #expect(plan.unplaced["large"]?.contains("no host has 0 MiB free") == true)
    }

    @Test func `a full host goes to the higher priority, at the cost of as few as there need be`() {
        func held(_ id: Int64, _ priority: Int, _ memory: Int = 10) -> Slot {
            Slot(id: id, deployment: "p\(priority)", memory: memory, priority: priority, hosts: ["a"], host: "a")
        }
        let slots = [
            held(1, 5), held(2, 0), held(3, 0), Slot(id: 4, deployment: "h", memory: 15, priority: 3, hosts: ["a"]),
        ]
        let plan = Placement.plan(hosts: [host("a", 30, used: 30)], slots: slots)
        #expect(plan.givenUp.keys.sorted() == [2, 3] && plan.offers.isEmpty)
        #expect(plan.givenUp[2] == "a worker on a makes room for h, whose priority 3 is above 0")
        // While they end, it waits, and nobody else has to go.
        var ending = slots
        (ending[1].isGivingUp, ending[2].isGivingUp) = (true, true)
        let next = Placement.plan(hosts: [host("a", 30, used: 30)], slots: ending)
        #expect(next == Placement.Plan())
        // The same or a higher priority stays.
        let equal = [held(1, 5), Slot(id: 2, deployment: "h", memory: 10, priority: 5, hosts: ["a"])]
        let stays = Placement.plan(hosts: [host("a", 10, used: 10)], slots: equal)
        #expect(stays.givenUp.isEmpty && stays.unplaced.keys.sorted() == ["h"])
    }

    @Test(arguments: 0..<200) func `no plan gives away more than there is, and every open slot is accounted for`(
        seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed)
        let names = (0..<Int.random(in: 1...4, using: &generator)).map { "h\($0)" }
        var hosts = names.map {
            host($0, Bool.random(using: &generator) ? Int.random(in: 0...100, using: &generator) : nil)
        }
        var slots: [Slot] = []
        for id in 1...Int64(Int.random(in: 1...30, using: &generator)) {
            var slot = Slot(
                id: id, deployment: "d\(Int.random(in: 0..<4, using: &generator))",
                memory: Int.random(in: 0...40, using: &generator), priority: Int.random(in: 0...3, using: &generator),
                spread: Bool.random(using: &generator) ? .spread : .pack,
                hosts: Set(names.filter { _ in Int.random(in: 0..<5, using: &generator) > 0 }))
            if let index = hosts.indices.randomElement(using: &generator), Bool.random(using: &generator),
                (hosts[index].memory ?? .max) - hosts[index].used >= slot.memory
            {
                slot.host = hosts[index].name
                slot.isGivingUp = Bool.random(using: &generator)
                hosts[index].used += slot.memory
            }
            slots.append(slot)
        }
        let plan = Placement.plan(hosts: hosts, slots: slots)
        #expect(plan == Placement.plan(hosts: hosts.reversed(), slots: slots.reversed()), "order means nothing")
        let byID = Dictionary(slots.map { ($0.id, $0) }) { $1 }
        for (id, name) in plan.offers {
            #expect(byID[id]?.host == nil && byID[id]?.hosts.contains(name) == true)
        }
        for host in hosts {
            let offered = plan.offers.filter { $0.value == host.name }.reduce(0) { $0 + (byID[$1.key]?.memory ?? 0) }
            #expect(host.memory.map { host.used + offered <= $0 } ?? true)
        }
        for (id, _) in plan.givenUp {
            let victim = byID[id]
            #expect(victim?.host != nil && victim?.isGivingUp == false)
            #expect(slots.contains { $0.host == nil && $0.priority > victim?.priority ?? .max })
        }
        for slot in slots where slot.host == nil && plan.offers[slot.id] == nil && plan.unplaced[slot.deployment] == nil
        {
            #expect(
                slots.contains { $0.isGivingUp || plan.givenUp[$0.id] != nil },
                "\(slot) neither has a host, nor waits for one, nor is said to have none")
        }
    }
}
