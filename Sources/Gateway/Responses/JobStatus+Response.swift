import Domain
import Postgres
import Queue

extension JobStatus {
    /// Whether nobody waits for it: a call that is waited for is interactive, and ends with its client.
    var isBackground: Bool { priority != Priority.interactive.rawValue }

    /// The word of the Responses API.
    private var responseStatus: String {
        switch state {
        case .scheduled, .queued: "queued"
        case .running: "in_progress"
        case .succeeded: "completed"
        case .cancelled: "cancelled"
        case .failed, .expired, .quarantined: "failed"
        }
    }

    /// The job as the Responses API shows it; `result` is there once it has ended.
    func response(_ result: JobResult?) -> JSONOutput {
        if state == .succeeded, let body = result?.body {
            let identified = ResponseText.identified(body, as: id)
            return .raw(JSONPatch.apply([(["background"], .bool(isBackground))], to: identified))
        }
        var failure: JSONOutput = .null
        if state.isTerminal, state != .cancelled {
            failure = [
                "code": errorClass == .rateLimited ? "rate_limit_exceeded" : "server_error",
                "message": .string(errorMessage ?? "The job ended as \(state.rawValue)."),
            ]
        }
        return [
            "id": .string(PublicID.response.text(id)), "object": "response",
            "created_at": .integer(createdAt.wholeUnixSeconds), "status": .string(responseStatus),
            "background": .bool(isBackground), "error": failure, "incomplete_details": nil, "instructions": nil,
            "metadata": [:], "model": .string(model), "output": [], "parallel_tool_calls": true, "temperature": nil,
            "tool_choice": "auto", "tools": [], "top_p": nil, "usage": nil,
        ]
    }
}
