/// RunPod Serverless, scaler QUEUE_DELAY (documentation of 2026-08): workers are added while a request has waited longer
/// than the threshold, 4 s by default. How many at a time is not documented: one for each such request is assumed, those
/// starting counted. Idle workers end after 5 s by default.
package struct RunPodDelayPolicy: ScalingPolicy {
    /// Seconds a request may wait.
    package var threshold: Double
    /// `workersMin`.
    package var workersMin: Int
    package let idleTimeout: Double?
    package let interval = 1.0

    /// RunPod with these settings.
    package init(threshold: Double = 4, idleTimeout: Double = 5, workersMin: Int = 0) {
        self.threshold = threshold
        self.workersMin = workersMin
        self.idleTimeout = idleTimeout
    }

    package var name: String { "RunPod QUEUE_DELAY \(Int(threshold)) s, idle \(Int(idleTimeout ?? 0)) s" }

    package mutating func desired(_ look: borrowing FleetLook) -> Int {
        let overdue = (look.waiting(longerThan: threshold) + look.slots - 1) / look.slots
        return max(workersMin, look.workers + max(0, overdue - look.starting.count) - look.expired)
    }
}

/// RunPod Serverless, scaler REQUEST_COUNT: requests waiting and running divided by the value, rounded up; idle workers end
/// after the timeout.
package struct RunPodCountPolicy: ScalingPolicy {
    /// Requests per worker.
    package var value: Double
    /// `workersMin`.
    package var workersMin: Int
    package let idleTimeout: Double?
    package let interval = 1.0

    /// RunPod with these settings.
    package init(value: Double = 1, idleTimeout: Double = 300, workersMin: Int = 0) {
        self.value = value
        self.workersMin = workersMin
        self.idleTimeout = idleTimeout
    }

    package var name: String { "RunPod REQUEST_COUNT \(Int(value)), idle \(Int(idleTimeout ?? 0)) s" }

    package mutating func desired(_ look: borrowing FleetLook) -> Int {
        let wanted = Int((Double(look.waiting + look.running) / value).rounded(.up))
        return max(workersMin, wanted, look.workers - look.expired)
    }
}
