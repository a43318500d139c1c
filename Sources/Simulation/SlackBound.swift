/// What a fleet must cost at least in which every job starts within an objective, by linear programming.
///
/// Taken is a fluid: jobs may be interrupted, split, and moved at no cost, and workers need not be whole. Then all that is known
/// of a schedule is its work done by a time t, which lies between Due(t), the work done if all jobs start as late as they
/// may, and Arr(t), if all start as they come. Workers x(t) cost ∫x, and `start` for each one more. Of every window (i, j] at
/// least Due(j) - Arr(i) must be worked off within it; these are all the conditions. Whatever a real fleet does is such a
/// fluid, so the least cost of the fluid is a lower bound.
///
/// By duality that least cost is the largest -∫ Arr dΛ⁺ + ∫ Due dΛ⁻ for a weight Λ(t) ≥ 0 that a bucket of `start` seconds
/// allows, which is full at first, gains a second each second and loses Λ seconds: a window of weight 1 earns its work, a
/// larger one earns workers' starts in it, and empties the bucket. Any such weight proves a bound. The best is sought by
/// dynamic programming over the bucket's level and the weight, both and the time on a grid: so what is found may be a
/// little below the best, never above.
struct SlackBound {
    /// Steps of time; with the levels and weights below some 30 million states.
    private static let stepLimit = 30_000
    /// Levels of the bucket.
    private static let levels = 64
    /// Steps are no shorter than a start in so many parts.
    private static let stepsPerStart = 16
    /// Weights above 1, in levels of the bucket that a step takes.
    private static let surplus = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]

    private let arrived: [Double]
    private let due: [Double]
    /// Levels a step without weight fills.
    private let perStep: Int
    private let levelCount: Int

    /// - Parameter start: what one more worker costs, in seconds; above 0.
    init(_ trace: Trace, start: Double, objective: Double, slots: Int) {
        var end = 0.0
        for (arrival, service) in zip(trace.arrivals, trace.services) { end = max(end, arrival + service + objective) }
        let step = max(end / Double(Self.stepLimit), start / Double(Self.stepsPerStart), 1e-6)
        let steps = Int((end / step).rounded(.up)) + 1
        perStep = max(1, Int(min((Double(Self.levels) * step / start).rounded(), 1e9)))
        // Rounded down: a smaller bucket proves less, but it does prove it.
        levelCount = Int(start * Double(perStep) / step)
        arrived = Self.work(trace, delay: 0, step: step, steps: steps, slots: slots)
        due = Self.work(trace, delay: objective, step: step, steps: steps, slots: slots)
    }

    /// The work done by the end of each step when every job starts `delay` after it came.
    private static func work(_ trace: Trace, delay: Double, step: Double, steps: Int, slots: Int) -> [Double] {
        // Each start raises the number at work, each end lowers it; of both the number and the sum of their times.
        var counts = Array(repeating: 0.0, count: steps + 1)
        var times = counts
        for (arrival, service) in zip(trace.arrivals, trace.services) {
            for (time, sign) in [(arrival + delay, 1.0), (arrival + delay + service, -1)] {
                let place = min(steps, Int((time / step).rounded(.up)))
                counts[place] += sign
                times[place] += sign * time
            }
        }
        var count = 0.0
        var sum = 0.0
        return (0...steps).map { place in
            count += counts[place]
            sum += times[place]
            return max(0, count * Double(place) * step - sum) / Double(slots)
        }
    }

    /// The bound, in worker-seconds.
    func value() -> Double {
        // A weight is so many levels a step; one of `perStep` is a weight of 1.
        let units =
            [0] + (perStep > 1 ? [perStep / 2] : []) + Self.surplus.filter { $0 <= levelCount }.map { perStep + $0 }
        let weights = units.map { Double($0) / Double(perStep) }
        let width = units.count
        var values = Array(repeating: -Double.infinity, count: (levelCount + 1) * width)
        var next = values
        values[levelCount * width] = 0
        for place in arrived.indices {
            let (open, close) = (arrived[place], due[place])
            for level in 0...levelCount {
                let row = level * width
                for weight in 1..<width {
                    let raised = values[row + weight - 1] - (weights[weight] - weights[weight - 1]) * open
                    if raised > values[row + weight] { values[row + weight] = raised }
                }
                for weight in stride(from: width - 1, to: 0, by: -1) {
                    let lowered = values[row + weight] + (weights[weight] - weights[weight - 1]) * close
                    if lowered > values[row + weight - 1] { values[row + weight - 1] = lowered }
                }
            }
            if place == arrived.count - 1 { break }
            for index in next.indices { next[index] = -.infinity }
            for level in 0...levelCount {
                for weight in 0..<width {
                    let left = min(levelCount, level + perStep - units[weight])
                    guard left >= 0 else { continue }
                    let value = values[level * width + weight]
                    if value > next[left * width + weight] { next[left * width + weight] = value }
                }
            }
            swap(&values, &next)
        }
        var best = 0.0
        for level in 0...levelCount { best = max(best, values[level * width]) }
        return best
    }
}
