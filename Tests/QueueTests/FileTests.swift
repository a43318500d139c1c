import Postgres
import Queue
import TestSupport
import Testing

@Suite(.database(migrated: true))
struct FileTests {
    /// Stores a file of `pieces` for a tenant of its own unless it is given.
    private func store(
        _ corner: Corner, _ pieces: [[UInt8]], tenant: String = "default", purpose: String = "batch",
        keptFor: Int32? = nil
    ) async throws -> StoredFile {
        let id = try await corner.queue.beginFile(of: tenant)
        for (ordinal, piece) in pieces.enumerated() {
            try await corner.queue.append(piece, ordinal: Int32(ordinal), to: id)
        }
        return try await corner.queue.completeFile(
            id, filename: "in.jsonl", purpose: purpose, bytes: Int64(pieces.joined().count),
            pieces: Int32(pieces.count), keptFor: keptFor)
    }

    private func tenant(_ corner: Corner) async throws -> String {
        let name = "tenant of \(corner.model)"
        try await corner.connection.execute(script: "select sluice.put_tenant('\(name)')")
        return name
    }

    @Test func `a file is seen once it is complete, by its tenant only`() async throws {
        let corner = try await Corner.open()
        let other = try await tenant(corner)
        let id = try await corner.queue.beginFile(of: "default")
        try await corner.queue.append([1, 2, 3], ordinal: 0, to: id)
        #expect(try await corner.queue.file(id, of: "default") == nil)
        try await corner.queue.append([4], ordinal: 1, to: id)
        let file = try await corner.queue.completeFile(
            id, filename: "a", purpose: "batch", bytes: 4, pieces: 2, keptFor: 60)
        #expect(file.bytes == 4 && file.pieces == 2 && file.expiresAt.map { $0 - file.createdAt } == .seconds(60))
        #expect(try await corner.queue.file(id, of: "default")?.filename == "a")
        #expect(try await corner.queue.file(id, of: other) == nil)
        #expect(try await !corner.queue.deleteFile(id, of: other))
        #expect(try await corner.queue.piece(0, of: id) == [1, 2, 3])
        #expect(try await corner.queue.piece(1, of: id) == [4])
        #expect(try await corner.queue.piece(2, of: id) == nil)
    }

    @Test func `what was not stored as it was sent is no file`() async throws {
        let corner = try await Corner.open()
        for (bytes, pieces) in [(Int64(3), Int32(2)), (4, 1), (4, 3)] {
            let id = try await corner.queue.beginFile(of: "default")
            try await corner.queue.append([1, 2], ordinal: 0, to: id)
            try await corner.queue.append([3, 4], ordinal: 1, to: id)
            let code = try await code {
                _ = try await corner.queue.completeFile(
                    id, filename: "a", purpose: "batch", bytes: bytes, pieces: pieces, keptFor: nil)
            }
            #expect(code == .invalidArgument)
            #expect(try await corner.queue.file(id, of: "default") == nil)
        }
    }

    @Test func `lists have a cursor, an order and a purpose`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        var ids: [Int64] = []
        for number in 0..<5 {
            ids.append(
                try await store(corner, [], tenant: tenant, purpose: number == 2 ? "evals" : "batch").id)
        }
        func list(_ purpose: String? = nil, after: Int64? = nil, ascending: Bool = false, _ limit: Int32 = 10)
            async throws -> [Int64]
        {
            try await corner.queue.files(
                of: tenant, purpose: purpose, after: after, ascending: ascending, limit: limit
            ).map(\.id)
        }
        #expect(try await list() == ids.reversed())
        #expect(try await list(after: ids[3], 2) == [ids[2], ids[1]])
        #expect(try await list(after: ids[1], ascending: true, 2) == [ids[2], ids[3]])
        #expect(try await list("evals") == [ids[2]])
        let code = try await code { _ = try await list(nil, 0) }
        #expect(code == .invalidArgument)
    }

    @Test func `a tenant has so many bytes and no more`() async throws {
        let corner = try await Corner.open()
        let tenant = try await tenant(corner)
        let file = try await store(corner, [[1, 2, 3]], tenant: tenant)
        // For whoever comes meanwhile nothing changes: both are rolled back.
        struct Undone: Error {}
        func beginUnderLimit() async throws {
            try await corner.connection.transaction { connection in
                try await connection.execute(
                    script: "update sluice.setting set value = 3 where name = 'tenant_file_bytes_max'")
                _ = try await Queue(connection).beginFile(of: tenant)
                throw Undone()
            }
        }
        await #expect(throws: QueueError.self) { try await beginUnderLimit() }
        #expect(try await corner.queue.deleteFile(file.id, of: tenant))
        await #expect(throws: Undone.self) { try await beginUnderLimit() }
    }
}

@Suite(.database(migrated: true), .serialized)
struct FileSweepTests {
    private func begin(_ corner: Corner, pieces: Int32) async throws -> Int64 {
        let id = try await corner.queue.beginFile(of: "default")
        for ordinal in 0..<pieces { try await corner.queue.append([1], ordinal: ordinal, to: id) }
        return id
    }

    private func complete(_ corner: Corner, _ id: Int64, pieces: Int32) async throws {
        _ = try await corner.queue.completeFile(
            id, filename: "a", purpose: "batch", bytes: Int64(pieces), pieces: pieces, keptFor: 3_600)
    }

    /// Sweeps until there is nothing left to do, and returns how often there was.
    private func sweep(_ corner: Corner) async throws -> Int {
        var count = 0
        while try await !corner.queue.sweepFiles().isEmpty { count += 1 }
        return count
    }

    private func rows(_ corner: Corner, of file: Int64) async throws -> Int64 {
        try await corner.connection.value(
            """
            select (select count(*) from sluice.file where id = \(file))
                + (select count(*) from sluice.file_piece where file_id = \(file))
            """)
    }

    @Test func `what was deleted is not seen, and removed piece by piece`() async throws {
        let corner = try await Corner.open()
        let id = try await begin(corner, pieces: 300)
        try await complete(corner, id, pieces: 300)
        #expect(try await sweep(corner) == 0)
        #expect(try await corner.queue.deleteFile(id, of: "default"))
        #expect(try await corner.queue.file(id, of: "default") == nil)
        #expect(try await !corner.queue.deleteFile(id, of: "default"))
        #expect(try await sweep(corner) == 2)
        #expect(try await rows(corner, of: id) == 0)
    }

    @Test func `what has expired is not seen, and removed`() async throws {
        let corner = try await Corner.open()
        let id = try await begin(corner, pieces: 2)
        try await complete(corner, id, pieces: 2)
        try await corner.connection.execute(
            script: "update sluice.file set expires_at = clock_timestamp() where id = \(id)")
        #expect(try await corner.queue.file(id, of: "default") == nil)
        #expect(try await rows(corner, of: id) == 3)
        #expect(try await sweep(corner) == 1)
        #expect(try await rows(corner, of: id) == 0)
    }

    @Test func `an upload that was interrupted leaves nothing, and cannot go on`() async throws {
        let corner = try await Corner.open()
        let (old, young) = (try await begin(corner, pieces: 2), try await begin(corner, pieces: 2))
        try await corner.connection.execute(
            script: "update sluice.file set created_at = created_at - interval '61 minutes' where id = \(old)")
        #expect(try await sweep(corner) == 1)
        #expect(try await rows(corner, of: old) == 0)
        let code = try await code { try await corner.queue.append([1], ordinal: 2, to: old) }
        #expect(code == .notFound)
        try await complete(corner, young, pieces: 2)
    }

    @Test func `a sweep waits for a piece that is on its way`() async throws {
        let corner = try await Corner.open()
        let other = try await corner.another()
        let id = try await begin(corner, pieces: 1)
        try await corner.connection.execute(
            script: "update sluice.file set created_at = created_at - interval '61 minutes' where id = \(id)")
        try await withThrowingTaskGroup(of: Int.self) { group in
            try await corner.connection.transaction { connection in
                try await Queue(connection).append([1], ordinal: 1, to: id)
                group.addTask { try await sweep(other) }
                try await eventually("the sweep waits") {
                    try await connection.value(
                        "select exists (select from pg_locks where not granted and locktype = 'transactionid')")
                }
            }
            #expect(try await group.next() == 1)
        }
        #expect(try await rows(corner, of: id) == 0)
    }
}
