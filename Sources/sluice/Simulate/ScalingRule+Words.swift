import Fleet
import Terminal

extension ScalingRule {
    /// Changes the rule as the words say: `max_workers=8 objective=15 scaler=request_count per_worker=2`.
    ///
    /// The names are those of the rule in SQL and in fleet files; times also without `_ms`, as `15s` or in seconds. RunPod's names
    /// mean what they mean there.
    ///
    /// - Throws: a sentence about the first word that is not understood, or about an impossible rule.
    mutating func change(words: String) throws(CommandFailure) {
        for word in words.split(whereSeparator: { $0 == " " || $0 == "," }) {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, try set(String(parts[0]), String(parts[1])) else {
                throw CommandFailure(
                    .usage, "\"\(word)\" is no part of a rule.",
                    fix: "For instance: --rule 'max_workers=8 objective=15'; `sluice simulate --help` lists the names.")
            }
        }
        if let problem = problems().first { throw CommandFailure(.usage, problem) }
    }

    /// The names words may begin with.
    static let words = """
        min_workers, max_workers, scaler (queue_delay, request_count, utilization), objective, per_worker, utilization, \
        up_stabilisation, down_stabilisation, idle_timeout, budget, price_per_hour, money_per_hour, attainment, \
        miss_price, forecast; workersMin, \
        workersMax, scalerType, scalerValue, idleTimeout
        """

    private mutating func set(_ name: String, _ value: String) throws(CommandFailure) -> Bool {
        // The columns of the rule in SQL are in milliseconds, and named so.
        if name.hasSuffix("_ms"), let number = Double(value) {
            return try set(String(name.dropLast(3)), "\(number / 1000)")
        }
        let number = Double(value)
        let seconds = SecondsOption(argument: value).flatMap {
            $0.seconds.magnitude < 1e9 ? Duration.seconds($0.seconds) : nil
        }
        switch name {
        case "min_workers", "workersMin": return Int(value).map { minWorkers = $0 } != nil
        case "max_workers", "workersMax": return Int(value).map { maxWorkers = $0 } != nil
        case "objective": return seconds.map { scaler = .queueDelay(objective: $0) } != nil
        case "per_worker": return number.map { scaler = .requestCount(perWorker: $0) } != nil
        case "utilization": return number.map { scaler = .utilization(target: $0) } != nil
        case "scaler", "scalerType":
            switch value.lowercased() {
            case "queue_delay": if objective == nil { scaler = .queueDelay(objective: .seconds(30)) }
            case "request_count": scaler = .requestCount(perWorker: Double(slots))
            case "utilization": scaler = .utilization(target: 0.7)
            default: return false
            }
            return true
        case "scalerValue":
            guard let number, let seconds else { return false }
            if case .requestCount = scaler {
                scaler = .requestCount(perWorker: number)
            } else {
                scaler = .queueDelay(objective: seconds)
            }
            return true
        case "up_stabilisation": return seconds.map { upStabilisation = $0 } != nil
        case "down_stabilisation": return seconds.map { downStabilisation = $0 } != nil
        case "idle_timeout", "idleTimeout": return seconds.map { idleTimeout = $0 } != nil
        case "budget": return number.map { budget = $0 } != nil
        case "price_per_hour": return number.map { pricePerHour = $0 } != nil
        case "money_per_hour": return number.map { moneyPerHour = $0 } != nil
        case "attainment": return number.map { attainment = $0 } != nil
        case "miss_price": return number.map { missPrice = $0 } != nil
        case "forecast": return Bool(value).map { forecast = $0 } != nil
        default: return false
        }
    }
}
