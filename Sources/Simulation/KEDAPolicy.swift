/// KEDA's ScaledObject on a queue's length with the Kubernetes HPA behind it (kedacore/keda 8b4f083; kubernetes
/// pkg/controller/podautoscaler and pkg/apis/autoscaling/v2/defaults.go).
///
/// KEDA polls every 30 s and goes from 0 to 1, and back to 0 a cool-down of 300 s after the last poll that saw work. From 1
/// on the HPA asks every 15 s: jobs waiting and running divided by the target per worker, rounded up; kept within a
/// tolerance of 10%; up at once by at most 4 workers or 100% in 15 s; down to the most of the last 300 s.
package struct KEDAPolicy: ScalingPolicy {
    /// Jobs per worker.
    package var target: Double
    /// `minReplicaCount`.
    package var minReplicas: Int
    /// `maxReplicaCount`.
    package var maxReplicas = 100
    /// The HPA's stabilisation of scaling down, and KEDA's cool-down, in seconds.
    package var stabilisation: Double
    package let interval = 15.0
    private var replicas = 0
    private var lastActive = -Double.infinity
    private var looks = 0
    private var recommendations: [(time: Double, count: Int)] = []

    /// KEDA with these settings.
    package init(target: Double = 1, minReplicas: Int = 0, stabilisation: Double = 300) {
        self.target = target
        self.minReplicas = minReplicas
        self.stabilisation = stabilisation
        replicas = minReplicas
    }

    package var name: String {
        "KEDA+HPA, \(Int(target)) a worker, down after \(Int(stabilisation)) s"
            + (minReplicas > 0 ? ", min \(minReplicas)" : "")
    }

    package mutating func desired(_ look: borrowing FleetLook) -> Int {
        let jobs = look.waiting + look.running
        defer { looks += 1 }
        if looks.isMultiple(of: 2) {
            if jobs > 0 {
                lastActive = look.time
                if replicas == 0 {
                    replicas = max(1, minReplicas)
                    return replicas
                }
            } else if minReplicas == 0, look.time - lastActive >= stabilisation {
                replicas = 0
                recommendations.removeAll()
            }
        }
        if replicas > 0 { replicas = scaled(jobs, at: look.time) }
        return replicas
    }

    private mutating func scaled(_ jobs: Int, at now: Double) -> Int {
        let ratio = Double(jobs) / (target * Double(replicas))
        var wanted = (ratio - 1).magnitude <= 0.1 ? replicas : Int((Double(jobs) / target).rounded(.up))
        wanted = min(max(wanted, minReplicas, 1), maxReplicas)
        recommendations.removeAll { $0.time < now - stabilisation }
        recommendations.append((now, wanted))
        if wanted < replicas { wanted = min(replicas, recommendations.map(\.count).max() ?? wanted) }
        return min(wanted, max(replicas + 4, replicas * 2))
    }
}
