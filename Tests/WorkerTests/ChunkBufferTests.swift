import Queue
import Testing

@testable import Worker

struct ChunkBufferTests {
    /// What `arrived` returned: a macro cannot change what it looks at.
    private func arrives(_ job: Int64, _ text: String, in buffer: inout ChunkBuffer) -> Bool {
        buffer.arrived(job, body(text))
    }

    /// Everything that waited.
    private func taken(from buffer: inout ChunkBuffer) -> [AnswerChunk] { buffer.take().flatMap(\.self) }

    /// How many pieces each statement has.
    private func sizes(of buffer: inout ChunkBuffer) -> [Int] { buffer.take().map(\.count) }

    private func body(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `pieces of each attempt are counted from one`() {
        var buffer = ChunkBuffer()
        buffer.began(7, attempt: 2)
        buffer.began(8, attempt: 1)
        #expect(buffer.isEmpty)
        #expect(arrives(7, "a", in: &buffer))
        #expect(!arrives(8, "b", in: &buffer))
        #expect(!arrives(7, "c", in: &buffer))
        let pieces = taken(from: &buffer)
        #expect(pieces.map(\.job) == [7, 8, 7])
        #expect(pieces.map(\.place.sequence) == [1, 1, 2] && pieces.map(\.place.attempt) == [2, 1, 2])
        #expect(buffer.isEmpty)
        #expect(taken(from: &buffer).isEmpty)
        // Taken, the next is the first to wait again.
        #expect(arrives(8, "d", in: &buffer))
        #expect(taken(from: &buffer)[0].place == ChunkPlace(attempt: 1, sequence: 2))
    }

    @Test func `of an attempt that goes on as another no more is sent`() {
        var buffer = ChunkBuffer()
        buffer.began(7, attempt: 1)
        #expect(arrives(7, "a", in: &buffer))
        buffer.cut(7)
        #expect(!arrives(7, "b", in: &buffer))
        #expect(taken(from: &buffer).count == 1)
        // The next attempt begins anew.
        buffer.began(7, attempt: 3)
        #expect(arrives(7, "c", in: &buffer))
    }

    @Test func `what comes after the end belongs to nobody`() {
        var buffer = ChunkBuffer()
        buffer.began(7, attempt: 1)
        _ = arrives(7, "a", in: &buffer)
        buffer.ended(7)
        #expect(!arrives(7, "b", in: &buffer))
        #expect(taken(from: &buffer).count == 1)
    }

    @Test func `a retry on the same worker counts anew`() {
        var buffer = ChunkBuffer()
        buffer.began(7, attempt: 1)
        _ = arrives(7, "a", in: &buffer)
        buffer.ended(7)
        buffer.began(7, attempt: 2)
        _ = arrives(7, "b", in: &buffer)
        #expect(
            taken(from: &buffer).map(\.place) == [
                ChunkPlace(attempt: 1, sequence: 1), ChunkPlace(attempt: 2, sequence: 1),
            ])
    }

    @Test func `a full buffer cuts a stream for good, and the others go on`() {
        var buffer = ChunkBuffer()
        buffer.began(1, attempt: 1)
        buffer.began(2, attempt: 1)
        let large = [UInt8](repeating: 0x20, count: ChunkBuffer.maximumBytes - 10)
        _ = buffer.arrived(1, large)
        _ = buffer.arrived(1, [UInt8](repeating: 0x20, count: 11))
        _ = buffer.arrived(2, body("small"))
        #expect(buffer.dropped == 1)
        #expect(taken(from: &buffer).map(\.job) == [1, 2])
        // There is room again, but a gap before it.
        _ = buffer.arrived(1, body("late"))
        _ = buffer.arrived(2, body("small"))
        #expect(taken(from: &buffer).map(\.job) == [2])
        #expect(buffer.dropped == 2)
    }

    @Test func `a statement has a bounded number of pieces and of bytes`() {
        var buffer = ChunkBuffer()
        buffer.began(1, attempt: 1)
        for _ in 0..<(ChunkBuffer.statementChunks * 2 + 1) { _ = buffer.arrived(1, body("{}")) }
        #expect(sizes(of: &buffer) == [1_000, 1_000, 1])
        for _ in 0..<3 { _ = buffer.arrived(1, [UInt8](repeating: 0x20, count: ChunkBuffer.statementBytes / 2)) }
        #expect(sizes(of: &buffer) == [2, 1])
    }
}
