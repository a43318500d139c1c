import Queue
import Terminal

/// Waiting for a batch to end.
struct BatchWait {
    let queue: Queue
    let console: Console
    /// A batch all of whose loaded requests are done, and of which nothing more was loaded for so long, has lost its loader.
    private static let loaderSilence = Duration.seconds(30)

    /// When to stop; nil: never.
    let deadline: ContinuousClock.Instant?

    init(_ queue: Queue, _ console: Console, timeout: Duration? = nil) {
        self.queue = queue
        self.console = console
        deadline = timeout.map { .now + $0 }
    }

    /// Waits until every request of `batch` has ended, showing how far it is.
    ///
    /// - Throws: `CommandFailure` when there is no such batch, or nobody loads it any more, or time runs out;
    ///   `QueueError`; `CancellationError`.
    func ended(_ batch: Int32) async throws -> BatchProgress {
        var pace = JobsPace()
        guard let first = try await queue.progress(of: batch) else { throw BatchShown.missing(batch) }
        var display = ProgressDisplay(ProgressMeter("batch \(batch)", total: Int64(first.total)), on: console)
        defer { display.finish() }
        display.resumed(at: Int64(first.done))
        var last = first
        var (loaded, newsAt) = (last.loaded, ContinuousClock.now)
        while !last.hasEnded {
            display.total(is: Int64(last.total))
            display.advanced(to: Int64(last.done), failed: Int64(last.unsuccessful))
            if let deadline, deadline <= .now {
                throw CommandFailure(
                    .temporary, "Batch \(batch) has not ended in time; it goes on.",
                    fix: "Wait on with `sluice batch wait \(batch)`.")
            }
            try await pace.wait(until: deadline)
            last = try await next(batch)
            if last.loaded != loaded || last.state != .loading || last.done < last.loaded {
                (loaded, newsAt) = (last.loaded, .now)
            } else if ContinuousClock.now - newsAt > Self.loaderSilence {
                throw CommandFailure(
                    .temporary,
                    "Only \(last.loaded) of the \(last.total) requests of batch \(batch) were loaded, and nobody loads more.",
                    fix: "Run the `sluice batch submit` that began it again: it goes on where it stopped.")
            }
        }
        display.total(is: Int64(last.total))
        display.advanced(to: Int64(last.done), failed: Int64(last.unsuccessful))
        return last
    }

    /// How far the batch is now.
    private func next(_ batch: Int32) async throws -> BatchProgress {
        guard let progress = try await queue.progress(of: batch) else { throw BatchShown.missing(batch) }
        guard progress.isComplete, !progress.hasEnded else { return progress }
        // All is done, and maintenance would say so within a second: whoever waits for it need not.
        _ = try await queue.settleBatches()
        return try await queue.progress(of: batch) ?? progress
    }
}
