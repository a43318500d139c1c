import Domain
import Postgres
import Queue

extension BatchProgress.State {
    /// The word OpenAI's clients know.
    ///
    /// Loading is not told from running: jobs run meanwhile.
    var status: String {
        switch self {
        case .loading, .running: "in_progress"
        case .validating, .cancelling, .finalizing, .completed, .cancelled, .failed, .expired: rawValue
        }
    }
}

extension BatchRecord {
    /// The batch as OpenAI's clients know it.
    ///
    /// `failed` counts every request that ended without an answer, which are the lines of the error file; among them those
    /// that were never queued.
    var document: JSONOutput {
        var members: [JSONOutput.Member] = []
        func add(_ name: String, _ value: JSONOutput) { members.append(.init(name, value)) }
        func add(_ name: String, _ time: Timestamp?) {
            add(name, time.map { JSONOutput.integer($0.wholeUnixSeconds) } ?? .null)
        }
        func add(_ name: String, file: Int64?) {
            add(name, file.map { JSONOutput.string(PublicID.file.text($0)) } ?? .null)
        }
        let state = progress.state
        add("id", .string(PublicID.batch.text(progress.batch)))
        add("object", "batch")
        add("endpoint", .string(progress.kind.path))
        add("errors", errors.map { ["object": "list", "data": JSONOutput.raw($0)] } ?? .null)
        // One that was submitted without a file has none; clients take a string for granted.
        add("input_file_id", .string(inputFile.map { PublicID.file.text($0) } ?? ""))
        add("completion_window", .string(window ?? ""))
        add("status", .string(state.status))
        add("output_file_id", file: outputFile)
        add("error_file_id", file: errorFile)
        add("created_at", progress.createdAt)
        add("in_progress_at", inputFile == nil ? progress.createdAt : validatedAt)
        add("expires_at", expiresAt)
        add("finalizing_at", finalizingAt)
        add("completed_at", state == .completed ? progress.endedAt : nil)
        add("failed_at", state == .failed ? progress.endedAt : nil)
        add("expired_at", state == .expired ? progress.endedAt : nil)
        add("cancelling_at", cancelRequestedAt)
        add("cancelled_at", state == .cancelled ? progress.endedAt : nil)
        add(
            "request_counts",
            [
                "total": .integer(Int64(progress.total + unloaded)), "completed": .integer(Int64(progress.succeeded)),
                "failed": .integer(Int64(progress.done - progress.succeeded + unloaded)),
            ])
        add("metadata", metadata.map(JSONOutput.raw) ?? .null)
        guard let inputTokens, let outputTokens else { return .object(members) }
        add(
            "usage",
            [
                "input_tokens": .integer(inputTokens), "input_tokens_details": ["cached_tokens": 0],
                "output_tokens": .integer(outputTokens), "output_tokens_details": ["reasoning_tokens": 0],
                "total_tokens": .integer(inputTokens + outputTokens),
            ])
        return .object(members)
    }
}
