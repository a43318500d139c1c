import BatchFile
import Domain
package import Queue

/// The results of a batch, in the order of its lines.
package struct BatchResults: Sendable {
    /// What was found.
    package struct Count: Sendable, Equatable {
        /// Requests with an answer.
        package var succeeded = 0
        /// Requests that ended without one.
        package var failed = 0
        /// Requests that have not ended yet: in neither file.
        package var unfinished = 0
        package init() {}

        /// All of them.
        package var total: Int { succeeded + failed + unfinished }
    }

    /// About as much as the answers of one page may take in memory.
    private static let pageBytes = 8 << 20
    private static let pageLines: ClosedRange<Int32> = 1...2_000

    let queue: Queue
    let batch: Int32

    /// The results of `batch`.
    package init(_ queue: Queue, batch: Int32) {
        self.queue = queue
        self.batch = batch
    }

    /// Appends what has ended to `files`, and counts. `progress` gets the number of results seen so far.
    ///
    /// Pages are as long as their answers are short, and grow slowly, so that memory stays bounded.
    ///
    /// - Throws: `QueueError`; `BatchFileError` when a file cannot be written.
    package func write(
        to files: inout ResultFiles, progress: (Int) -> Void = { _ in }
    ) async throws -> Count {
        var count = Count()
        var after: Int64 = 0
        var limit: Int32 = 100
        while true {
            let page = try await queue.results(of: batch, after: after, limit: limit)
            guard let last = page.last else { return count }
            var bytes = 0
            for result in page {
                bytes += 200 + (result.body?.count ?? 0)
                try files.append(result, counting: &count)
            }
            after = last.job
            let fitting = Int32(clamping: Self.pageBytes / max(1, bytes / page.count))
            limit = min(max(min(fitting, limit * 4), Self.pageLines.lowerBound), Self.pageLines.upperBound)
            progress(count.total)
        }
    }
}
