package import Domain

/// A summary on its way from a worker to the controller.
extension OutcomeSummary {
    /// A summary of these parts, as another process took one apart.
    ///
    /// - Parameter latencies: of the successes and the overtaken.
    package init(
        succeeded: Int, failed: [ErrorClass: Int], latencies: LatencyHistogram, run: FailureRun, retryAfter: Duration?
    ) {
        self.init()
        self.succeeded = max(0, succeeded)
        self.failed = failed.filter { $0.value > 0 }
        self.latencies = latencies
        self.run = run
        self.retryAfter = retryAfter
    }

    /// Whether no attempt ended.
    package var isEmpty: Bool { succeeded == 0 && failed.isEmpty && latencies.count == 0 }
}

extension FailureRun {
    /// Runs of these lengths; what cannot be is moved to the nearest that can.
    package init(count: Int, leading: Int, trailing: Int, longest: Int) {
        self.init()
        self.count = max(0, count)
        self.leading = min(max(0, leading), self.count)
        self.trailing = min(max(0, trailing), self.count)
        self.longest = min(max(self.leading, self.trailing, longest), self.count)
    }
}

extension LatencyHistogram {
    /// The bins that hold anything, with their counts.
    package var counts: [(bin: Int, count: Int)] {
        bins.enumerated().compactMap { $0.element > 0 ? (first + $0.offset, $0.element) : nil }
    }

    /// A histogram of these bins; those that do not exist are left out.
    package init(counts: some Sequence<(bin: Int, count: Int)>) {
        self.init()
        for (bin, count) in counts where 0..<Self.binCount ~= bin {
            record(Self.upperEdge(of: bin) * 0.999, count: count)
        }
    }
}
