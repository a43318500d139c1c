import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true), .serialized)
struct BatchTests {
    private func open(_ corner: Corner, _ digest: String, total: Int32) async throws -> OpenedBatch {
        try await corner.queue.openBatch(name: "file", kind: .chat, digest: digest, total: total)
    }

    private func progress(_ corner: Corner, _ batch: Int32) async throws -> BatchProgress {
        try #require(try await corner.queue.progress(of: batch))
    }

    @Test func `chunks run while later ones are loaded, and the batch ends with its last job`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "chunks", total: 10)
        #expect(batch.loaded == 0 && !batch.resumed && batch.isLoading)
        let worker = try await corner.worker()
        #expect(try await corner.load(batch.batch, from: 0, lines: 6) == 6)
        let early = try await corner.claim(worker, 100)
        #expect(early.count == 6)
        #expect(try await progress(corner, batch.batch).state == .loading)
        #expect(try await corner.load(batch.batch, from: 6, lines: 4) == 10)
        #expect(try await progress(corner, batch.batch).state == .running)
        _ = try await corner.queue.finish(worker: worker, early.map { $0.ended(.succeeded) })
        #expect(try await progress(corner, batch.batch).succeeded == 6)
        _ = try await corner.queue.settleBatches()
        #expect(try await progress(corner, batch.batch).succeeded == 6)
        let late = try await corner.claim(worker, 100)
        _ = try await corner.queue.finish(
            worker: worker, late.enumerated().map { $1.ended($0 == 0 ? .failed : .succeeded) })
        #expect(try await corner.queue.settleBatches() == 1)
        let end = try await progress(corner, batch.batch)
        #expect(
            end.state == .completed && end.succeeded == 9 && end.failed == 1 && end.done == 10 && end.endedAt != nil)
        #expect(try await corner.queue.settleBatches() == 0)
        #expect(try await corner.violations() == [])
    }

    @Test func `the end of a batch is notified`() async throws {
        let (corner, listener) = (try await Corner.open(), try await Corner.connect())
        let batch = try await open(corner, "notified", total: 1)
        try await corner.load(batch.batch, from: 0, lines: 1)
        try await listener.listen("sluice_batch_\(batch.batch)")
        let worker = try await corner.worker()
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        _ = try await corner.queue.settleBatches()
        var notifications = listener.notifications.makeAsyncIterator()
        #expect(await notifications.next()?.payload == "completed")
    }

    @Test func `an interrupted submission is taken up where it stopped`() async throws {
        let corner = try await Corner.open()
        let first = try await open(corner, "resumed", total: 8)
        try await corner.load(first.batch, from: 0, lines: 5)
        let second = try await open(corner, "resumed", total: 8)
        #expect(second.batch == first.batch && second.loaded == 5 && second.resumed && second.isLoading)
        try await corner.load(second.batch, from: 5, lines: 3)
        let third = try await open(corner, "resumed", total: 8)
        #expect(third.batch == first.batch && !third.isLoading)
        let worker = try await corner.worker()
        _ = try await corner.queue.finish(
            worker: worker, try await corner.claim(worker, 10).map { $0.ended(.succeeded) })
        _ = try await corner.queue.settleBatches()
        // A finished one is not taken up: the same file may be submitted again.
        #expect(try await open(corner, "resumed", total: 8).resumed == false)
    }

    @Test func `of two submissions of one file at once one makes the batch`() async throws {
        let corner = try await Corner.open()
        let other = try await corner.another()
        async let one = open(corner, "twice", total: 4)
        async let two = open(other, "twice", total: 4)
        let opened = try await [one, two]
        #expect(opened[0].batch == opened[1].batch && opened.count { $0.resumed } == 1)
        // Both load the first chunk: the second one is told that it is there already.
        async let first = loadCode(corner, opened[0].batch)
        async let second = loadCode(other, opened[0].batch)
        let codes = try await [first, second]
        #expect(codes.count { $0 == nil } == 1 && codes.contains(.batchClosed))
        #expect(try await progress(corner, opened[0].batch).loaded == 2)
        #expect(try await corner.claim(try await corner.worker(), 10).count == 2)
    }

    private func loadCode(_ corner: Corner, _ batch: Int32) async throws -> QueueError.Code? {
        try await code { try await corner.load(batch, from: 0, lines: 2) }
    }

    @Test func `a chunk that does not hold what it said is refused`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "short", total: 4)
        let code = try await code {
            try await corner.connection.transaction { transaction async throws in
                let queue = Queue(transaction)
                let models = try await queue.beginChunk(
                    batch: batch.batch, models: [(corner.model, 2)], priority: .batch)
                let ids = try await queue.reserveJobs(2).ids
                _ = try await queue.endChunk(
                    batch: batch.batch, firstLine: 0, lines: 2, ids: ids[0]...ids[1], models: [models[0].model])
            }
        }
        #expect(code == .batchClosed)
        #expect(try await modelCode(corner, batch.batch) == .unknownModel)
    }

    private func modelCode(_ corner: Corner, _ batch: Int32) async throws -> QueueError.Code? {
        try await code {
            try await corner.connection.transaction { transaction async throws in
                _ = try await Queue(transaction).beginChunk(batch: batch, models: [("nobody", 2)], priority: .batch)
            }
        }
    }

    @Test func `cancelled while it runs, it ends when the running jobs have`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "cancelled", total: 10)
        try await corner.load(batch.batch, from: 0, lines: 6)
        let worker = try await corner.worker()
        let running = try await corner.claim(worker, 3)
        try await corner.finish(worker, running[0], .succeeded)
        try await corner.finish(worker, running[1], .retried, delay: .seconds(60))
        #expect(try await corner.queue.cancelBatch(batch.batch) == 4)
        #expect(
            try await corner.queue.heartbeat(worker: worker, inFlight: [running[2].id]).cancelled == [running[2].id])
        #expect(try await corner.queue.settleBatches() == 0)
        #expect(try await progress(corner, batch.batch).state == .cancelling)
        #expect(try await code { try await corner.load(batch.batch, from: 6, lines: 4) } == .batchClosed)
        try await corner.finish(worker, running[2], .cancelled)
        #expect(try await corner.queue.settleBatches() == 1)
        let end = try await progress(corner, batch.batch)
        #expect(end.state == .cancelled && end.total == 6 && end.succeeded == 1 && end.cancelled == 5)
        #expect(try await corner.queue.cancelBatch(batch.batch) == 0)
        #expect(try await corner.violations() == [])
    }

    @Test func `an unknown batch is told apart`() async throws {
        let corner = try await Corner.open()
        #expect(try await code { _ = try await corner.queue.cancelBatch(999_999) } == .notFound)
        #expect(try await corner.queue.progress(of: 999_999) == nil)
        #expect(try await code { try await corner.load(999_999, from: 0, lines: 1) } == .batchClosed)
    }

    @Test func `a failed line that is run again reopens the batch`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "redriven", total: 2)
        try await corner.load(batch.batch, from: 0, lines: 2)
        let worker = try await corner.worker()
        let jobs = try await corner.claim(worker, 2)
        _ = try await corner.queue.finish(worker: worker, [jobs[0].ended(.succeeded), jobs[1].ended(.failed)])
        _ = try await corner.queue.settleBatches()
        #expect(try await progress(corner, batch.batch).state == .completed)
        try await corner.queue.retry(jobs[1].id)
        let open = try await progress(corner, batch.batch)
        #expect(open.state == .running && open.failed == 0 && open.done == 1 && open.endedAt == nil)
        #expect(try await corner.queue.settleBatches() == 0)
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        #expect(try await corner.queue.settleBatches() == 1)
        let end = try await progress(corner, batch.batch)
        #expect(end.state == .completed && end.succeeded == 2 && end.failed == 0)
        #expect(try await corner.violations() == [])
    }

    @Test func `a line that is run again while the batch is being ended reopens it too`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "overtaken", total: 1)
        try await corner.load(batch.batch, from: 0, lines: 1)
        let worker = try await corner.worker()
        let job = try await corner.claimOne(worker)
        try await corner.finish(worker, job, .failed)
        try await (try await corner.another()).connection.transaction { transaction async throws in
            #expect(try await Queue(transaction).settleBatches() == 1)
            // It does not see the end that is about to be committed.
            try await corner.queue.retry(job.id)
        }
        _ = try await corner.queue.settleBatches()
        let open = try await progress(corner, batch.batch)
        #expect(open.state == .running && open.failed == 0 && open.endedAt == nil)
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        #expect(try await corner.queue.settleBatches() == 1)
        #expect(try await progress(corner, batch.batch).state == .completed)
    }

    @Test func `results come in pages in the order of the lines`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "paged", total: 9)
        try await corner.load(batch.batch, from: 0, lines: 4)
        // Other jobs between the chunks' ids.
        try await corner.enqueue(3)
        try await corner.load(batch.batch, from: 4, lines: 5)
        let worker = try await corner.worker()
        let done = try await corner.claim(worker, 1000).filter { $0.priority == 3 }.prefix(7)
        _ = try await corner.queue.finish(worker: worker, done.map { $0.ended(.succeeded) })
        var lines: [BatchResult] = []
        while true {
            let page = try await corner.queue.results(of: batch.batch, after: lines.last?.job ?? 0, limit: 2)
            if page.isEmpty { break }
            #expect(page.count <= 2)
            lines += page
        }
        #expect(lines.map(\.customID) == (0..<9).map { "line-\($0)" })
        #expect(lines.count { $0.state == .succeeded } == 7 && lines.count { $0.state == nil } == 2)
        #expect(lines.allSatisfy { ($0.body != nil) == ($0.state == .succeeded) })
        #expect(try await corner.queue.batches(limit: 1).map(\.batch) == [batch.batch])
        let ordered: [Int32] = try await corner.connection.values("select line from sluice.batch_jobs(\(batch.batch))")
        #expect(ordered == Array(1...9))
    }

    @Test func `a batch of no lines ends at once`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "empty", total: 0)
        #expect(!batch.isLoading)
        _ = try await corner.queue.settleBatches()
        #expect(try await progress(corner, batch.batch).state == .completed)
    }

    @Test func `two sweepers fold every count once`() async throws {
        let corner = try await Corner.open()
        let batch = try await open(corner, "folded", total: 300)
        try await corner.load(batch.batch, from: 0, lines: 300)
        let worker = try await corner.worker()
        try await withThrowingTaskGroup { group in
            for _ in 0..<2 {
                let sweeper = try await corner.another()
                group.addTask { for _ in 0..<60 { _ = try await sweeper.queue.settleBatches() } }
            }
            group.addTask {
                while let job = try await corner.claim(worker).first {
                    try await corner.finish(worker, job, .succeeded)
                }
            }
            try await group.waitForAll()
        }
        _ = try await corner.queue.settleBatches()
        let end = try await progress(corner, batch.batch)
        #expect(end.succeeded == 300 && end.state == .completed)
    }
}
