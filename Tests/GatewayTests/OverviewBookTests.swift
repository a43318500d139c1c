import Queue
import Synchronization
import Testing

@testable import Gateway

struct OverviewBookTests {
    private final class Count: Sendable {
        private let reads = Atomic(0)
        var value: Int { reads.load(ordering: .relaxed) }
        func add() { reads.add(1, ordering: .relaxed) }
    }

    @Test func `the queue is counted once for all who ask within a while`() async throws {
        let count = Count()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let book = OverviewBook(memory: .seconds(60)) { () async throws(QueueError) in
            count.add()
            for await _ in gate {}
            return []
        }
        try await withThrowingTaskGroup { group in
            for _ in 0..<20 { group.addTask { _ = try await book.rows() } }
            open.finish()
            try await group.waitForAll()
        }
        _ = try await book.rows()
        #expect(count.value == 1)
    }

    @Test func `what is old, or failed, is asked again`() async throws {
        let count = Count()
        let book = OverviewBook(memory: .zero) { () async throws(QueueError) in
            count.add()
            if count.value == 1 { throw QueueError(.unavailable, "away") }
            return []
        }
        await #expect(throws: QueueError.self) { try await book.rows() }
        _ = try await book.rows()
        _ = try await book.rows()
        #expect(count.value == 3)
    }
}
