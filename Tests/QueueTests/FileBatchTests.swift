import Domain
import Postgres
import Queue
import TestSupport
import Testing

/// Batches whose input is a file: who works on them, and how they end.
@Suite(.database(migrated: true), .serialized)
struct FileBatchTests {
    /// Orders a batch of a file of a few bytes.
    private func order(_ corner: Corner, seconds: Int32 = 3_600) async throws -> Int32 {
        let file = try await file(corner)
        return try await corner.queue.order(
            BatchOrderRequest(
                tenant: "default", inputFile: file, kind: .chat, window: "1h", windowSeconds: seconds,
                metadata: Array(#"{"a": "b"}"#.utf8)))
    }

    private func file(_ corner: Corner) async throws -> Int64 {
        let id = try await corner.queue.beginFile(of: "default")
        try await corner.queue.append([1, 2], ordinal: 0, to: id)
        return try await corner.queue.completeFile(
            id, filename: "in.jsonl", purpose: "batch", bytes: 2, pieces: 1, keptFor: nil
        ).id
    }

    private func claim(_ corner: Corner) async throws -> BatchWork {
        try #require(try await corner.queue.claimBatchWork(forSeconds: 60))
    }

    private func record(_ corner: Corner, _ batch: Int32) async throws -> BatchRecord {
        try #require(try await corner.queue.batch(batch, of: "default"))
    }

    /// Orders a batch and loads `lines` jobs of it.
    private func loaded(_ corner: Corner, lines: Int32) async throws -> Int32 {
        let batch = try await order(corner)
        let opened = try await corner.queue.validated(try await claim(corner), total: lines)
        #expect(opened?.batch == batch && opened?.loaded == 0 && opened?.isLoading == true)
        try await corner.load(batch, from: 0, lines: lines)
        return batch
    }

    /// Lets the lease of a batch lapse.
    private func lapse(_ corner: Corner, _ batch: Int32) async throws {
        try await corner.connection.execute(
            script: "update sluice.batch set leased_until = clock_timestamp() where id = \(batch)")
    }

    /// Stores a file that is not completed.
    private func unseen(_ corner: Corner) async throws -> UnseenFile {
        let id = try await corner.queue.beginFile(of: "default")
        try await corner.queue.append([7], ordinal: 0, to: id)
        return UnseenFile(file: id, bytes: 1, pieces: 1)
    }

    @Test func `one at a time works on a batch, and the next when the lease has lapsed`() async throws {
        let corner = try await Corner.open()
        let batch = try await order(corner)
        #expect(try await record(corner, batch).progress.state == .validating)
        let first = try await claim(corner)
        #expect(first.batch == batch && first.name == "in.jsonl" && first.inputPieces == 1 && !first.isFinalizing)
        #expect(try await corner.queue.claimBatchWork(forSeconds: 60) == nil)
        #expect(try await corner.queue.renew(first, forSeconds: 60))
        try await lapse(corner, batch)
        let second = try await claim(corner)
        #expect(second.lease != first.lease)
        // What the first one says counts no more.
        #expect(try await !corner.queue.renew(first, forSeconds: 60))
        #expect(try await corner.queue.validated(first, total: 3) == nil)
        #expect(try await !corner.queue.reject(first, errors: Array("[]".utf8)))
        #expect(try await corner.queue.validated(second, total: 3)?.loaded == 0)
        try await corner.load(batch, from: 0, lines: 2)
        try await lapse(corner, batch)
        // Killed in the middle: the third one goes on after the lines that are loaded.
        let third = try await claim(corner)
        #expect(third.state == .loading && third.loaded == 2)
        #expect(try await corner.queue.validated(third, total: 4) == nil)
        #expect(try await corner.queue.validated(third, total: 3)?.loaded == 2)
        try await corner.load(batch, from: 2, lines: 1)
        try await lapse(corner, batch)
        #expect(try await corner.queue.claimBatchWork(forSeconds: 60) == nil)
        #expect(try await corner.queue.cancelBatch(batch) == 3)
        _ = try await corner.queue.settleBatches()
        #expect(try await corner.queue.finalize(try await claim(corner), output: nil, errors: nil))
        #expect(try await corner.violations() == [])
    }

    @Test func `a batch of lines that cannot be sent fails, and says why`() async throws {
        let corner = try await Corner.open()
        let batch = try await order(corner)
        #expect(try await corner.queue.reject(try await claim(corner), errors: Array(#"[{"code": "x"}]"#.utf8)))
        let record = try await record(corner, batch)
        #expect(record.progress.state == .failed && record.progress.endedAt != nil)
        #expect(record.errors == Array(#"[{"code": "x"}]"#.utf8) && record.metadata == Array(#"{"a": "b"}"#.utf8))
        try await lapse(corner, batch)
        #expect(try await corner.queue.claimBatchWork(forSeconds: 60) == nil)
    }

    @Test func `a file that a batch reads cannot be deleted, and does not go when it expires`() async throws {
        let corner = try await Corner.open()
        let batch = try await order(corner)
        let file = try #require(try await record(corner, batch).inputFile)
        let code = try await code { _ = try await corner.queue.deleteFile(file, of: "default") }
        #expect(code == .busy)
        try await corner.connection.execute(
            script: "update sluice.file set expires_at = clock_timestamp() where id = \(file)")
        while try await !corner.queue.sweepFiles().isEmpty {}
        #expect(try await corner.queue.piece(0, of: file) == [1, 2])
        #expect(try await corner.queue.reject(try await claim(corner), errors: Array("[]".utf8)))
        while try await !corner.queue.sweepFiles().isEmpty {}
        #expect(try await corner.queue.piece(0, of: file) == nil)
    }

    @Test func `who deletes a file that is just being ordered waits, and sees the batch`() async throws {
        let corner = try await Corner.open()
        let other = try await corner.another()
        let file = try await file(corner)
        try await withThrowingTaskGroup(of: QueueError.Code?.self) { group in
            try await corner.connection.transaction { connection in
                _ = try await Queue(connection).order(
                    BatchOrderRequest(
                        tenant: "default", inputFile: file, kind: .chat, window: "1h", windowSeconds: 3_600))
                group.addTask { try await code { _ = try await other.queue.deleteFile(file, of: "default") } }
                try await eventually("the deletion waits") {
                    try await connection.value(
                        "select exists (select from pg_locks where not granted and locktype = 'transactionid')")
                }
            }
            #expect(try await group.next() == QueueError.Code.busy)
        }
        let work = try await claim(corner)
        #expect(work.inputFile == file)
        #expect(try await corner.queue.reject(work, errors: Array("[]".utf8)))
    }

    @Test func `a batch has its files also where its tenant has as many as it may`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        let batch = try await loaded(corner, lines: 1)
        for job in try await corner.claim(worker, 1) { try await corner.finish(worker, job, .succeeded) }
        _ = try await corner.queue.settleBatches()
        let bound: Int64 = try await corner.connection.value(
            "select value from sluice.setting where name = 'tenant_file_bytes_max'")
        try await corner.set("tenant_file_bytes_max", 0)
        let refusal = try await code { _ = try await corner.queue.beginFile(of: "default") }
        let work = try await claim(corner)
        let written = try await corner.queue.beginFile(of: work)
        try await corner.set("tenant_file_bytes_max", Int(bound))
        #expect(refusal == .invalidArgument)
        try await corner.queue.append([7], ordinal: 0, to: written)
        #expect(
            try await corner.queue.finalize(work, output: UnseenFile(file: written, bytes: 1, pieces: 1), errors: nil))
        #expect(try await record(corner, batch).outputFile == written)
        let late = try await code { _ = try await corner.queue.beginFile(of: work) }
        #expect(late == .notFound)
    }

    @Test func `what has no result when the window ends expires, also what runs`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        let batch = try await loaded(corner, lines: 4)
        let claimed = try await corner.claim(worker, 2)
        #expect(claimed.count == 2)
        try await corner.finish(worker, claimed[0], .succeeded)
        try await corner.connection.execute(
            script: """
                update sluice.batch set expires_at = clock_timestamp() where id = \(batch);
                update sluice.job set deadline_at = clock_timestamp() where batch_id = \(batch)
                """)
        _ = try await corner.queue.settleBatches()
        #expect(try await record(corner, batch).progress.state == .finalizing)
        try await corner.finish(worker, claimed[1], .cancelled)
        _ = try await corner.queue.settleBatches()
        let work = try await claim(corner)
        #expect(work.isFinalizing)
        let (output, errors) = (try await unseen(corner), try await unseen(corner))
        #expect(try await corner.queue.finalize(work, output: output, errors: errors))
        let end = try await record(corner, batch)
        #expect(end.progress.state == .expired && end.progress.succeeded == 1 && end.progress.expired == 3)
        #expect(end.outputFile == output.file && end.errorFile == errors.file)
        #expect(try await corner.queue.file(output.file, of: "default")?.purpose == "batch_output")
        #expect(try await corner.violations() == [])
    }

    @Test func `a job queued again while the files are written makes them void`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        let batch = try await loaded(corner, lines: 1)
        let job = try await corner.claimOne(worker)
        try await corner.finish(worker, job, .failed)
        _ = try await corner.queue.settleBatches()
        let first = try await claim(corner)
        try await corner.queue.retry(job.id)
        let void = try await unseen(corner)
        #expect(try await !corner.queue.finalize(first, output: nil, errors: void))
        #expect(try await corner.queue.file(void.file, of: "default") == nil)
        _ = try await corner.queue.settleBatches()
        #expect(try await record(corner, batch).progress.state == .running)
        try await corner.finish(worker, try await corner.claimOne(worker), .succeeded)
        _ = try await corner.queue.settleBatches()
        try await lapse(corner, batch)
        let output = try await unseen(corner)
        #expect(try await corner.queue.finalize(try await claim(corner), output: output, errors: nil))
        let end = try await record(corner, batch)
        #expect(end.progress.state == .completed && end.outputFile == output.file && end.errorFile == nil)
        #expect(try await corner.violations() == [])
    }

    @Test func `a tenant has its own batches, and no file of others`() async throws {
        let corner = try await Corner.open()
        let batch = try await order(corner)
        try await corner.connection.execute(script: "select sluice.put_tenant('stranger')")
        #expect(try await corner.queue.batch(batch, of: "stranger") == nil)
        #expect(try await corner.queue.batches(of: "stranger", after: nil, limit: 10).isEmpty)
        let file = try #require(try await record(corner, batch).inputFile)
        let code = try await code {
            _ = try await corner.queue.order(
                BatchOrderRequest(tenant: "stranger", inputFile: file, kind: .chat, window: "1h", windowSeconds: 60))
        }
        #expect(code == .notFound)
        #expect(try await corner.queue.reject(try await claim(corner), errors: Array("[]".utf8)))
    }

    @Test func `a batch that is put back lets the others have their turn`() async throws {
        let corner = try await Corner.open()
        let batches = [try await order(corner), try await order(corner)]
        let first = try await claim(corner)
        #expect(try await corner.queue.validated(first, total: 3)?.loaded == 0)
        try await corner.queue.putBack(first)
        let second = try await claim(corner)
        #expect(try await corner.queue.validated(second, total: 3)?.loaded == 0)
        try await corner.queue.putBack(second)
        #expect([first.batch, second.batch] == batches)
        #expect(try await claim(corner).batch == batches[0])
        // What was put back belongs to the next.
        #expect(try await !corner.queue.renew(first, forSeconds: 60))
        for batch in batches {
            _ = try await corner.queue.cancelBatch(batch)
            try await lapse(corner, batch)
        }
        _ = try await corner.queue.settleBatches()
        for _ in batches {
            let work = try await claim(corner)
            #expect(work.isFinalizing && work.isCut && work.isCancelled)
            #expect(try await corner.queue.finalize(work, output: nil, errors: nil, unloaded: 3))
            let end = try await record(corner, work.batch)
            #expect(end.progress.state == .cancelled && end.unloaded == 3 && end.progress.total == 0)
        }
        #expect(try await corner.violations() == [])
    }

    @Test func `a batch that was loaded is not cut`() async throws {
        let corner = try await Corner.open()
        let batch = try await loaded(corner, lines: 2)
        _ = try await corner.queue.cancelBatch(batch)
        _ = try await corner.queue.settleBatches()
        try await lapse(corner, batch)
        let work = try await claim(corner)
        #expect(work.isFinalizing && !work.isCut && work.isCancelled)
        #expect(try await corner.queue.finalize(work, output: nil, errors: nil))
    }

    @Test func `the same order with the same key makes one batch, also when the file is gone`() async throws {
        let corner = try await Corner.open()
        let file = try await file(corner)
        var order = BatchOrderRequest(
            tenant: "default", inputFile: file, kind: .chat, window: "1h", windowSeconds: 60)
        (order.idempotencyKey, order.key) = ("once-\(file)", 7)
        let batch = try await corner.queue.order(order)
        #expect(try await corner.queue.order(order) == batch)
        var other = order
        other.windowSeconds = 61
        #expect(try await code { _ = try await corner.queue.order(other) } == .idempotencyKeyReused)
        other.idempotencyKey = String(repeating: "x", count: 257)
        #expect(try await code { _ = try await corner.queue.order(other) } == .invalidArgument)
        let work = try await claim(corner)
        #expect(work.key == 7)
        #expect(try await corner.queue.reject(work, errors: Array("[]".utf8)))
        #expect(try await corner.queue.deleteFile(file, of: "default"))
        #expect(try await corner.queue.order(order) == batch)
        // After a day the key is new.
        try await corner.connection.execute(
            script: "update sluice.batch_idempotency set created_at = now() - interval '25 hours'; select sluice.tidy()"
        )
        #expect(try await code { _ = try await corner.queue.order(order) } == .notFound)
    }

    @Test func `the limits of a key and of its tenant are its batches'`() async throws {
        let corner = try await Corner.open()
        try await corner.connection.execute(script: "select sluice.put_tenant('\(corner.model)')")
        let key = try await corner.queue.createKey(
            tenant: corner.model, name: "x", prefix: "x",
            sha256: Array(corner.model.utf8.prefix(32))
                + Array(
                    repeating: 0, count: max(0, 32 - corner.model.utf8.count)))
        #expect(try await corner.queue.limits(of: corner.model, key: key).isEmpty)
        try await corner.queue.setLimits(key: key, requestsPerMinute: 5)
        try await corner.queue.setLimits(tenant: corner.model, tokensPerMinute: 6)
        let limits = try await corner.queue.limits(of: corner.model, key: key)
        #expect(limits.map(\.requestsPerMinute) == [5, nil] && limits.map(\.tokensPerMinute) == [nil, 6])
        #expect(try await corner.queue.limits(of: corner.model, key: nil).map(\.tokensPerMinute) == [6])
    }
}
