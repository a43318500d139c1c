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

    /// The pages of the results, in order.
    ///
    /// They are as long as their answers are short, and grow slowly, so that memory stays bounded.
    package struct Pages {
        private let results: BatchResults
        private var after: Int64 = 0
        private var limit: Int32 = 100

        fileprivate init(_ results: BatchResults) { self.results = results }

        /// The next page; nil after the last.
        package mutating func next() async throws(QueueError) -> [BatchResult]? {
            let page = try await results.queue.results(of: results.batch, after: after, limit: limit)
            guard let last = page.last else { return nil }
            let bytes = page.reduce(0) { $0 + 200 + ($1.body?.count ?? 0) }
            after = last.job
            let fitting = Int32(clamping: BatchResults.pageBytes / max(1, bytes / page.count))
            let bounds = BatchResults.pageLines
            limit = min(max(min(fitting, limit * 4), bounds.lowerBound), bounds.upperBound)
            return page
        }
    }

    /// The results from the first on.
    package var pages: Pages { Pages(self) }

    /// Appends what has ended to `files`, and counts. `progress` gets the number of results seen so far.
    ///
    /// - Throws: `QueueError`; `BatchFileError` when a file cannot be written.
    package func write(
        to files: inout ResultFiles, progress: (Int) -> Void = { _ in }
    ) async throws -> Count {
        var count = Count()
        var pages = pages
        while let page = try await pages.next() {
            for result in page { try files.append(result, counting: &count) }
            progress(count.total)
        }
        return count
    }
}
