import Domain
import Postgres
import Queue
import Testing

extension Corner {
    /// Loads the next `lines` lines in one transaction, as the CLI does.
    @discardableResult
    func load(_ batch: Int32, from first: Int32, lines: Int32) async throws -> Int32 {
        try await connection.transaction { transaction async throws in
            let queue = Queue(transaction)
            let models = try await queue.beginChunk(batch: batch, models: [(model, lines)], priority: .batch)
            let opened = try #require(models.first)
            let reserved = try await queue.reserveJobs(lines)
            var jobs = CopyRow.header
            var ready = CopyRow.header
            for line in 0..<Int(lines) {
                let (id, key) = (reserved.ids[line], opened.key + Int64(line) * opened.keyStep)
                var job = CopyRow(fields: 12)
                job.append(id)
                job.append(key)
                job.append(reserved.createdAt)
                job.append(opened.deadline)
                job.append(opened.model)
                job.append(opened.tenant)
                job.append(batch)
                job.append("chat")
                job.append(Int16(3))
                job.append(opened.maximumAttempts)
                job.append("line-\(Int(first) + line)")
                job.append(#"{"n":\#(line)}"#)
                jobs += job.bytes
                var place = CopyRow(fields: 8)
                place.append(key)
                place.append(id)
                place.append(opened.model)
                place.append(opened.tenant)
                place.append(batch)
                place.append(Int16(3))
                place.append(reserved.buckets[line])
                place.append(reserved.ring)
                ready += place.bytes
            }
            let (jobRows, readyRows) = (jobs + CopyRow.trailer, ready + CopyRow.trailer)
            #expect(try await transaction.copyIn(Queue.copyJobsSQL) { try await $0.write(jobRows) } == Int(lines))
            #expect(
                try await transaction.copyIn(Queue.copyReadySQL(into: reserved)) { try await $0.write(readyRows) }
                    == Int(lines))
            let ids = try #require(reserved.ids.first)...(try #require(reserved.ids.last))
            return try await queue.endChunk(
                batch: batch, firstLine: first, lines: lines, ids: ids, models: [opened.model])
        }
    }
}
