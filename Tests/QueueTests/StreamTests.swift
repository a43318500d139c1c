import Domain
import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true))
struct StreamTests {
    private func chunk(_ job: Int64, _ attempt: Int16, _ sequence: Int32) -> AnswerChunk {
        AnswerChunk(
            job: job, place: ChunkPlace(attempt: attempt, sequence: sequence),
            body: Array(#"{"n":\#(sequence)}"#.utf8))
    }

    private func numbers(_ page: ChunkPage) -> [Int32] { page.chunks.map(\.place.sequence) }

    @Test func `a claim says whether the job streams`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        try await corner.enqueue { $0.isStreaming = true }
        #expect(try await corner.claimOne(worker).isStreaming)
        try await corner.enqueue()
        #expect(try await !corner.claimOne(worker).isStreaming)
        try await corner.connection.execute(
            script: "select sluice.enqueue('\(corner.model)', '{}', stream => true)")
        #expect(try await corner.claimOne(worker).isStreaming)
    }

    @Test func `readers get the pieces in order, from wherever they were`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue { $0.isStreaming = true }
        var page = try await corner.queue.readChunks(of: id, after: .start)
        #expect(page.chunks.isEmpty && page.state == .queued && !page.isEnd)
        try await corner.queue.appendChunks([chunk(id, 1, 2), chunk(id, 1, 1), chunk(id, 1, 3)])
        page = try await corner.queue.readChunks(of: id, after: .start)
        #expect(numbers(page) == [1, 2, 3] && page.state == nil)
        #expect(page.chunks[1].body == Array(#"{"n":2}"#.utf8))
        page = try await corner.queue.readChunks(of: id, after: ChunkPlace(attempt: 1, sequence: 1), limit: 1)
        #expect(numbers(page) == [2])
        page = try await corner.queue.readChunks(of: id, after: ChunkPlace(attempt: 1, sequence: 3))
        #expect(page.chunks.isEmpty && page.state == .queued)
    }

    @Test func `a later attempt voids what was read of the one before`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue { $0.isStreaming = true }
        try await corner.queue.appendChunks([chunk(id, 1, 1), chunk(id, 1, 2), chunk(id, 2, 1)])
        for place in [ChunkPlace.start, ChunkPlace(attempt: 1, sequence: 1), ChunkPlace(attempt: 1, sequence: 2)] {
            let page = try await corner.queue.readChunks(of: id, after: place)
            #expect(page.chunks.map(\.place) == [ChunkPlace(attempt: 2, sequence: 1)])
        }
        // A zombie of the first attempt goes on: nobody is told.
        try await corner.queue.appendChunks([chunk(id, 1, 3)])
        let page = try await corner.queue.readChunks(of: id, after: ChunkPlace(attempt: 2, sequence: 1))
        #expect(page.chunks.isEmpty)
    }

    @Test func `the end comes after the last piece`() async throws {
        let corner = try await Corner.open()
        let worker = try await corner.worker()
        let id = try await corner.enqueue { $0.isStreaming = true }
        let job = try await corner.claimOne(worker)
        try await corner.queue.appendChunks([chunk(id, 1, 1)])
        try await corner.finish(worker, job, .succeeded)
        let first = try await corner.queue.readChunks(of: id, after: .start)
        #expect(numbers(first) == [1] && !first.isEnd)
        let last = try await corner.queue.readChunks(of: id, after: first.chunks[0].place)
        #expect(last.isEnd && last.state == .succeeded)
    }

    @Test func `pieces that are sent again are there once, also when the slot changed between`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue { $0.isStreaming = true }
        let pieces = [chunk(id, 1, 1), chunk(id, 1, 2)]
        try await corner.queue.appendChunks(pieces)
        try await corner.queue.appendChunks(pieces)
        try await corner.connection.execute(
            script: """
                insert into sluice.chunk (id, attempt, seq, body, ring) select id, attempt, seq, body, (ring + 1) % 3
                from sluice.chunk where id = \(id)
                """)
        #expect(numbers(try await corner.queue.readChunks(of: id, after: .start)) == [1, 2])
    }

    @Test func `one piece that cannot be stored stores none`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue { $0.isStreaming = true }
        let bad = AnswerChunk(job: id, place: ChunkPlace(attempt: 1, sequence: 2), body: [0x7B, 0xFF])
        let code = try await code { try await corner.queue.appendChunks([chunk(id, 1, 1), bad]) }
        #expect(code == .invalidData)
        #expect(try await corner.queue.readChunks(of: id, after: .start).chunks.isEmpty)
    }

    @Test func `there is nothing to read of a job that does not exist`() async throws {
        let corner = try await Corner.open()
        let code = try await code { _ = try await corner.queue.readChunks(of: 999_999_999, after: .start) }
        #expect(code == .notFound)
    }
}

@Suite(.database(migrated: true), .serialized)
struct StreamRegisterTests {
    @Test func `who waits is notified, and only then`() async throws {
        let corner = try await Corner.open()
        let reader = try await Corner.connect()
        try await reader.listen(Queue.chunkChannel)
        let id = try await corner.enqueue { $0.isStreaming = true }
        func append(_ sequence: Int32) async throws {
            try await corner.queue.appendChunks([
                AnswerChunk(job: id, place: ChunkPlace(attempt: 1, sequence: sequence), body: Array("{}".utf8))
            ])
        }
        try await append(1)
        _ = try await Queue(reader).readChunks(of: id, after: .start, waiting: .seconds(60))
        try await append(2)
        var notifications = reader.notifications.makeAsyncIterator()
        // The first one is of the second piece: nobody had waited before.
        #expect(await notifications.next()?.payload == "\(id)")
        reader.close()
        #expect(await notifications.next() == nil)
    }

    @Test func `pieces are there for chunk_seconds, then their slot is emptied`() async throws {
        let corner = try await Corner.open()
        let id = try await corner.enqueue { $0.isStreaming = true }
        try await corner.queue.appendChunks([
            AnswerChunk(job: id, place: ChunkPlace(attempt: 1, sequence: 1), body: Array("{}".utf8))
        ])
        func pieces() async throws -> Int { try await corner.queue.readChunks(of: id, after: .start).chunks.count }
        func age() async throws {
            try await corner.connection.execute(
                script: """
                    select setval('sluice.ring_chunk_since', last_value - 1800000) from sluice.ring_chunk_since
                    """)
        }
        #expect(try await corner.queue.expireChunks() == "")
        #expect(try await corner.queue.expireChunks() == "")
        // Half of the time a slot is written to, then the next two are.
        for _ in 0..<2 {
            try await age()
            #expect(try await corner.queue.expireChunks().contains("emptied"))
            #expect(try await pieces() == 1)
        }
        try await age()
        #expect(try await corner.queue.expireChunks().contains("emptied"))
        #expect(try await pieces() == 0)
    }
}
