/// Always the same number of workers.
package struct FixedSize: ScalingPolicy {
    /// How many.
    package let workers: Int
    package let interval = 10.0

    /// So many workers.
    package init(workers: Int) { self.workers = workers }

    package var name: String { "fixed \(workers)" }
    package mutating func desired(_ look: borrowing FleetLook) -> Int { workers }
}
