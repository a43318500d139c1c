import Domain
import HTTPTypes
import Postgres
import Queue
import Testing

@testable import Gateway

@Suite struct JobSubmissionTests {
    private func read(_ text: String) throws -> JobRequest {
        try JobSubmission(Array(text.utf8), tenant: "t", maximumDepth: 8).request
    }

    private func refusal(_ text: String) -> GatewayFailure? {
        do {
            _ = try read(text)
            return nil
        } catch { return error as? GatewayFailure }
    }

    @Test func `a body is enough when it names the model`() throws {
        let request = try read(#"{"body": {"model": "m", "messages": []}}"#)
        #expect(request.model == "m")
        #expect(String(decoding: request.payload, as: UTF8.self) == #"{"model": "m", "messages": []}"#)
        #expect(request.tenant == "t")
        #expect(request.kind == .chat)
        #expect(request.priority == .normal)
        #expect(request.isStreaming == false)
        #expect(request.runAt == nil && request.deadline == nil && request.maximumAttempts == nil)
        #expect(request.idempotencyKey == nil && request.affinity == nil && request.metadata == nil)
    }

    @Test func `every member is read`() throws {
        let request = try read(
            """
            {"model": "n", "body": {"model": "m"}, "kind": "embedding", "priority": 0, "run_at": "2026-05-01T12:00:00Z",
             "deadline": "2026-05-01T13:00:00+01:00", "idempotency_key": "k", "affinity": "a", "max_attempts": 100,
             "metadata": {"x": [1]}, "stream": true}
            """)
        #expect(request.model == "n")
        #expect(request.kind == .embedding)
        #expect(request.priority.rawValue == 0)
        #expect(request.runAt?.unixSeconds == 1_777_636_800)
        #expect(request.deadline == request.runAt)
        #expect(request.idempotencyKey == "k")
        #expect(request.affinity == "a")
        #expect(request.maximumAttempts == 100)
        #expect(request.metadata == Array(#"{"x": [1]}"#.utf8))
        #expect(request.isStreaming)
    }

    @Test func `null is as good as not given`() throws {
        let request = try read(
            #"{"body": {"model": "m"}, "model": null, "kind": null, "priority": null, "run_at": null, "metadata": null}"#
        )
        #expect(request.model == "m")
        #expect(request.metadata == nil)
    }

    @Test(arguments: [
        ("nonsense", nil as String?),
        ("[]", nil),
        (#"{"model": "m"}"#, "body"),
        (#"{"model": "m", "body": "text"}"#, "body"),
        (#"{"body": {}}"#, "model"),
        (#"{"model": 1, "body": {}}"#, "model"),
        (#"{"model": "", "body": {}}"#, "model"),
        (#"{"body": {"model": "m"}, "kind": "song"}"#, "kind"),
        (#"{"body": {"model": "m"}, "priority": 5}"#, "priority"),
        (#"{"body": {"model": "m"}, "priority": 1.5}"#, "priority"),
        (#"{"body": {"model": "m"}, "priority": "1"}"#, "priority"),
        (#"{"body": {"model": "m"}, "priority": 99999999999999999999}"#, "priority"),
        (#"{"body": {"model": "m"}, "max_attempts": 0}"#, "max_attempts"),
        (#"{"body": {"model": "m"}, "run_at": "tomorrow"}"#, "run_at"),
        (#"{"body": {"model": "m"}, "deadline": 1777636800}"#, "deadline"),
        (#"{"body": {"model": "m"}, "stream": "true"}"#, "stream"),
        (#"{"body": {"model": "m\u0000"}}"#, nil),
    ])
    func `what cannot work is refused with the member at fault`(text: String, parameter: String?) {
        let failure = refusal(text)
        #expect(failure?.status.code == 400)
        #expect(failure?.parameter == parameter, "\(failure?.message ?? "accepted")")
    }
}
