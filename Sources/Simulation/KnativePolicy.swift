/// Knative's pod autoscaler (knative/serving 98e5ef9).
///
/// Every 2 s: mean concurrency (jobs waiting and running) of the last 60 s and of the last 6 s, divided by 70% of a worker's
/// slots and rounded up; not below half, not above a thousand times of those ready. Panic while the short window asks for at
/// least twice of what is ready, and 60 s after: then never down. To zero after 60 s without work and 30 s of grace.
package struct KnativePolicy: ScalingPolicy {
    /// `min-scale`.
    package var minScale: Int
    /// `scale-down-delay` in seconds: the most of this time.
    package var scaleDownDelay: Double
    package let interval = 2.0
    private var samples = Array(repeating: 0.0, count: 30)
    private var looks = 0
    private var panicUntil: Double?
    private var panicCount = 0
    private var idleSince = 0.0
    private var delayed: [(time: Double, count: Int)] = []

    /// Knative with these settings.
    package init(minScale: Int = 0, scaleDownDelay: Double = 0) {
        self.minScale = minScale
        self.scaleDownDelay = scaleDownDelay
    }

    package var name: String {
        "Knative KPA, delay \(Int(scaleDownDelay)) s" + (minScale > 0 ? ", min \(minScale)" : "")
    }

    package mutating func desired(_ look: borrowing FleetLook) -> Int {
        samples[looks % 30] = Double(look.waiting + look.running)
        looks += 1
        let known = min(looks, 30)
        let stable = samples.prefix(known).reduce(0, +) / Double(known)
        var short = 0.0
        for back in 1...min(3, known) { short += samples[(looks - back) % 30] }
        short /= Double(min(3, known))
        let target = 0.7 * Double(look.slots)
        let ready = Double(max(1, look.ready))
        func clamped(_ mean: Double) -> Int {
            Int(min(max((mean / target).rounded(.up), (Double(look.ready) / 2).rounded(.down)), 1000 * ready))
        }
        var wanted = clamped(stable)
        let panicked = clamped(short)
        if (short / target).rounded(.up) / ready >= 2 { panicUntil = look.time + 60 }
        if let end = panicUntil {
            if look.time < end {
                panicCount = max(panicCount, max(wanted, panicked))
                wanted = panicCount
            } else {
                panicUntil = nil
                panicCount = 0
            }
        }
        if stable > 0 { idleSince = look.time }
        if wanted == 0, look.time - idleSince < 30 { wanted = min(1, look.workers) }
        if scaleDownDelay > 0 {
            delayed.removeAll { $0.time < look.time - scaleDownDelay || $0.count <= wanted }
            delayed.append((look.time, wanted))
            wanted = max(wanted, delayed[0].count)
        }
        return max(wanted, minScale)
    }
}
