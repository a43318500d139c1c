import Fleet
import Logging
import Postgres
import Queue
import Telemetry

/// Decides how many workers there should be, and which hosts get them, while this supervisor leads.
///
/// Looks once an interval, on a connection of its own. All it writes carries the epoch of the lead.
struct Scaling: Sendable {
    /// Waiting jobs that `sluice.scaling_look` counts by itself.
    private static let countLimit: Int32 = 1_000
    /// How old the count of all waiting jobs may be.
    private static let depthAge = Duration.seconds(10)

    let database: ConnectionConfiguration
    let epoch: Int64
    let interval: Duration
    let logger: Logger

    /// Scales until the task is cancelled. Returns sooner when another supervisor leads.
    func run() async {
        var database = database
        database.applicationName = "sluice scaling"
        let queries = OperatorQueries(database, logger: logger)
        await withDiscardingTaskGroup { group in
            group.addTask { await queries.run() }
            await look(database, queries)
            group.cancelAll()
        }
    }

    /// Looks until the task is cancelled, or another supervisor leads.
    private func look(_ database: ConnectionConfiguration, _ queries: OperatorQueries) async {
        var complaint = Complaint("Connecting to the database to scale", logger)
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(3))
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do {
                let connection = try await Connection.connect(database, logger: logger)
                complaint.succeeded()
                backoff.reset()
                defer { connection.close() }
                // A look that takes this long is no look.
                try await connection.execute(script: "set statement_timeout = '5s'")
                var round = Round(connection, queries, epoch: epoch, interval: interval, logger: logger)
                try await round.run()
            } catch {
                if Task.isCancelled || (error as? QueueError)?.code == .superseded { return }
                complaint.failed(error)
            }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    /// One connection's time.
    private struct Round {
        let connection: Connection
        let queue: Queue
        let queries: OperatorQueries
        let epoch: Int64
        let interval: Duration
        let logger: Logger
        var fleet = ScaledFleet()
        var since: Int64?
        var lastJob: Int64?
        var problems = StandingFacts()
        var unplaced = StandingFacts()
        var offers: [Int64: String] = [:]

        init(
            _ connection: Connection, _ queries: OperatorQueries, epoch: Int64, interval: Duration, logger: Logger
        ) {
            self.connection = connection
            queue = Queue(connection)
            self.queries = queries
            self.epoch = epoch
            self.interval = interval
            self.logger = logger
        }

        /// - Throws: when the connection is lost, or another leads.
        mutating func run() async throws {
            var complaint = Complaint("Scaling", logger)
            while true {
                do throws(QueueError) {
                    try await scale()
                    try await place()
                    complaint.succeeded()
                } catch {
                    fleet.refused()
                    guard connection.isOpen, error.code != .superseded else { throw error }
                    complaint.failed(error)
                }
                try await Task.sleep(for: interval)
            }
        }

        private mutating func scale() async throws(QueueError) {
            let declared = try await queue.scaledDeployments()
            for (problem, _) in problems.news(Dictionary(fleet.declare(declared).map { ($0, "") }) { $1 }) {
                logger.warning("A rule of scaling is not obeyed.", metadata: [LogKey.reason: "\(problem)"])
            }
            guard !declared.isEmpty else { return (since, lastJob) = (nil, nil) }
            let numbers = queries.numbers(of: fleet.queries)
            let looks = try await queue.scalingLook(epoch: epoch, since: since, after: lastJob)
            // More than a look counts: then the count that gateways keep stands for it, and is to be kept fresh.
            if looks.contains(where: { $0.waitingCounts.reduce(0, +) >= Scaling.countLimit }) {
                _ = try await queue.depths(notOlderThan: Scaling.depthAge)
            }
            var (hosts, slots) = ([Placement.Host](), [Placement.Slot]())
            if fleet.keepsWarm {
                hosts = try await queue.placedHosts().map(Placement.Host.init)
                slots = try await queue.placedSlots().map(Placement.Slot.init)
            }
            let orders = fleet.decide(looks, numbers: numbers, hosts: hosts, slots: slots)
            if let look = looks.first { (since, lastJob) = (look.taken, look.lastJob) }
            guard !orders.isEmpty else { return }
            try await queue.putDesired(epoch: epoch, orders)
            fleet.written()
            for order in orders where order.hasChanged {
                let name = declared.first { $0.id == order.deployment }?.name ?? ""
                logger.notice(
                    "The number of workers changes.",
                    metadata: [LogKey.deployment: "\(name)", LogKey.reason: "\(order.reason)"])
            }
        }

        /// Offers open slots to hosts.
        private mutating func place() async throws(QueueError) {
            let slots = try await queue.placedSlots()
            guard slots.contains(where: { $0.host == nil }) else {
                offers = [:]
                _ = unplaced.news([:])
                return
            }
            let hosts = try await queue.placedHosts()
            let plan = Placement.plan(hosts: hosts.map(Placement.Host.init), slots: slots.map(Placement.Slot.init))
            if plan.offers != offers || !plan.givenUp.isEmpty {
                try await queue.placeSlots(epoch: epoch, offers: plan.offers, givenUp: plan.givenUp)
                offers = plan.offers
            }
            for (deployment, reason) in unplaced.news(plan.unplaced) {
                logger.warning(
                    "A worker finds no host.",
                    metadata: [LogKey.deployment: "\(deployment)", LogKey.reason: "\(reason)"])
            }
        }
    }
}

extension Placement.Host {
    fileprivate init(_ host: PlacedHost) {
        self.init(name: host.name, memory: host.memory.map { Int($0) }, used: Int(host.memoryUsed))
    }
}

extension Placement.Slot {
    fileprivate init(_ slot: PlacedSlot) {
        self.init(
            id: slot.id, deployment: slot.deployment, memory: Int(slot.memory), priority: Int(slot.priority),
            spread: Placement.Spread(rawValue: slot.spread) ?? .spread, hosts: Set(slot.hosts), host: slot.host,
            isGivingUp: slot.isGivingUp)
    }
}
