import Domain
import Queue
import Terminal

/// Shows the answer of a streaming job while it is made.
struct SubmitStream {
    let queue: Queue
    let console: Console
    /// When to stop; nil: never.
    let deadline: ContinuousClock.Instant?

    init(_ queue: Queue, _ console: Console, timeout: Duration?) {
        self.queue = queue
        self.console = console
        deadline = timeout.map { .now + $0 }
    }

    /// Shows the pieces of the answer of `job` as they come, and returns the text shown when the job has ended.
    ///
    /// An attempt that takes the place of another begins a new line; what was shown before it is void.
    ///
    /// - Throws: `CommandFailure` when the job does not exist, or time runs out; `QueueError`; `CancellationError`.
    func follow(_ job: Int64) async throws -> String {
        var place = ChunkPlace.start
        var text = ""
        var pace = JobsPace()
        while true {
            let page = try await queue.readChunks(of: job, after: place)
            if page.isEnd { return text }
            for chunk in page.chunks {
                if place.attempt > 0, chunk.place.attempt > place.attempt { try restart(&text, chunk.place.attempt) }
                place = chunk.place
                try show(chunk, &text)
            }
            if let deadline, deadline <= .now {
                throw CommandFailure(
                    .temporary, "Job \(job) has not ended in time; it goes on.",
                    fix: "Wait on with `sluice jobs wait \(job)`.")
            }
            if !page.chunks.isEmpty { pace.quicken() }
            try await pace.wait(until: deadline)
        }
    }

    private func show(_ chunk: AnswerChunk, _ text: inout String) throws {
        guard !console.options.isJSON else {
            try console.show([
                "attempt": .integer(Int64(chunk.place.attempt)), "seq": .integer(Int64(chunk.place.sequence)),
                "chunk": .raw(chunk.body),
            ])
            return
        }
        let piece = SubmitAnswer.text(ofChunk: chunk.body)
        guard !piece.isEmpty else { return }
        text += piece
        try console.show(piece: piece)
    }

    private func restart(_ text: inout String, _ attempt: Int16) throws {
        guard !console.options.isJSON else { return }
        if !text.isEmpty { try console.show(piece: "\n") }
        console.note("The attempt was given up; attempt \(attempt) begins the answer again.")
        text = ""
    }
}
