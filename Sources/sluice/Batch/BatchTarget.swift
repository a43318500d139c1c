import ArgumentParser
import Queue

/// Which batch a command is about, and where that is.
struct BatchTarget: ParsableArguments {
    @Argument(help: "The batch.")
    var id: Int32
    @OptionGroup var database: DatabaseOptions

    /// The queue the batch is in.
    func open() async throws -> Queue { try await Session.open(database).queue }

    /// How far the batch is.
    ///
    /// - Throws: `CommandFailure` when there is no such batch; `QueueError`.
    func progress(in queue: Queue) async throws -> BatchProgress {
        guard let progress = try await queue.progress(of: id) else { throw BatchShown.missing(id) }
        return progress
    }
}
