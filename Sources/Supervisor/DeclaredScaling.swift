package import Fleet
import FoundationEssentials
package import Queue

/// A row of `sluice.scaling` as it is read: the rule, and what is not the policy's business.
package struct DeclaredScaling: Sendable, Hashable {
    package let rule: ScalingRule
    /// For the scaler `sql`.
    let query: String?
    let queryTimeout: Duration
    /// Whether a worker may stay when there is nothing to do.
    let isPreloaded: Bool

    /// - Throws: one sentence for whatever cannot be read or is impossible.
    package init(_ deployment: ScaledDeployment) throws(Unreadable) {
        let row: Row
        do {
            row = try JSONDecoder().decode(Row.self, from: Data(deployment.rule.utf8))
        } catch {
            throw Unreadable(description: "The rule of \(deployment.name) cannot be read: \(error).")
        }
        var rule = ScalingRule()
        rule.minWorkers = row.min_workers
        rule.maxWorkers = row.max_workers
        rule.slots = Int(deployment.slots)
        rule.scaler =
            switch row.scaler {
            case "queue_delay": .queueDelay(objective: .milliseconds(row.objective_ms))
            case "request_count": .requestCount(perWorker: row.per_worker)
            case "utilization": .utilization(target: row.utilization)
            case "sql": .query(perWorker: row.per_worker)
            default: .schedule
            }
        for window in row.schedule {
            do {
                rule.schedule.append(
                    ScheduleWindow(
                        minutes: try CronPattern(window.minutes), minWorkers: window.min_workers,
                        maxWorkers: window.max_workers))
            } catch {
                throw Unreadable(description: "The schedule of \(deployment.name): \(error)")
            }
        }
        rule.upStabilisation = .milliseconds(row.up_stabilisation_ms)
        rule.downStabilisation = .milliseconds(row.down_stabilisation_ms)
        rule.idleTimeout = row.idle_timeout_ms.map { .milliseconds($0) }
        rule.memoryPerWorker = row.memory_per_worker
        rule.priority = row.priority
        rule.budget = row.budget
        rule.pricePerHour = row.price_per_hour
        rule.moneyPerHour = row.money_per_hour
        rule.batchScales = row.batch_scales
        rule.attainment = row.attainment
        rule.missPrice = row.miss_price
        rule.forecast = row.forecast
        if let problem = rule.problems().first { throw Unreadable(description: "\(deployment.name): \(problem)") }
        self.rule = rule
        query = row.scaler == "sql" ? row.query : nil
        queryTimeout = .milliseconds(row.query_timeout_ms)
        isPreloaded = row.preload
    }

    /// Why a rule is not obeyed, in one sentence.
    package struct Unreadable: Error, CustomStringConvertible {
        package let description: String
    }

    // The names of the columns.
    private struct Row: Decodable {
        struct Window: Decodable {
            var minutes: String
            var min_workers: Int?
            var max_workers: Int?
        }

        var min_workers: Int
        var max_workers: Int
        var scaler: String
        var objective_ms: Int
        var per_worker: Double
        var utilization: Double
        var query: String?
        var query_timeout_ms: Int
        var schedule: [Window]
        var up_stabilisation_ms: Int
        var down_stabilisation_ms: Int
        var idle_timeout_ms: Int?
        var memory_per_worker: Int?
        var priority: Int
        var budget: Double?
        var price_per_hour: Double?
        var money_per_hour: Double?
        var batch_scales: Bool
        var attainment: Double
        var miss_price: Double
        var forecast: Bool
        var preload: Bool
    }
}
