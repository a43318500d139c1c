import Domain
import Postgres
import Queue

/// A row of `sluice.job` but for its last two fields, for the jobs of one model in one chunk.
struct JobRow {
    private var row = CopyRow(fields: 12)
    private let (id, key): (Int, Int)

    init(_ model: ChunkModel, _ batch: Int32, _ kind: JobKind, _ priority: Priority, _ createdAt: Timestamp) {
        id = row.appendBigint()
        key = row.appendBigint()
        row.append(createdAt)
        row.append(model.deadline)
        row.append(model.model)
        row.append(model.tenant)
        row.append(batch)
        row.append(kind.rawValue)
        row.append(Int16(priority.rawValue))
        row.append(model.maximumAttempts)
    }

    mutating func append(to bytes: inout [UInt8], id: Int64, key: Int64) {
        row.set(self.id, id)
        row.set(self.key, key)
        bytes.append(contentsOf: row.bytes)
    }
}

/// A row of `sluice.ready`, for the jobs of one model in one chunk.
struct ReadyRow {
    private var row = CopyRow(fields: 8)
    private let (key, id, bucket): (Int, Int, Int)

    init(_ model: ChunkModel, _ batch: Int32, _ priority: Priority, _ ring: Int16) {
        key = row.appendBigint()
        id = row.appendBigint()
        row.append(model.model)
        row.append(model.tenant)
        row.append(batch)
        row.append(Int16(priority.rawValue))
        bucket = row.appendSmallint()
        row.append(ring)
    }

    mutating func append(to bytes: inout [UInt8], id: Int64, key: Int64, bucket: Int16) {
        row.set(self.key, key)
        row.set(self.id, id)
        row.set(self.bucket, bucket)
        bytes.append(contentsOf: row.bytes)
    }
}
