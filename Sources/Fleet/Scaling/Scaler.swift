/// What a deployment's worker count follows.
package enum Scaler: Sendable, Hashable {
    /// Jobs start within this time. The only scaler that learns; the others compute.
    case queueDelay(objective: Duration)
    /// One worker for so many jobs, waiting and running.
    case requestCount(perWorker: Double)
    /// So many workers that this part of their slots, 0 to 1, is busy.
    case utilization(target: Double)
    /// One worker for so much of the number that the operator's own query returns.
    case query(perWorker: Double)
    /// Nothing but the schedule: as few workers as its open window allows.
    case schedule

    /// The word used in SQL, files and metrics.
    package var name: String {
        switch self {
        case .queueDelay: "queue_delay"
        case .requestCount: "request_count"
        case .utilization: "utilization"
        case .query: "sql"
        case .schedule: "schedule"
        }
    }
}
