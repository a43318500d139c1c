import Domain
import Queue
import Testing

@testable import Gateway

struct RunPodTests {
    private func submission(_ text: String, isSynchronous: Bool = false) throws -> JobRequest {
        try RunPodSubmission(
            Array(text.utf8), model: "m", tenant: "t", isSynchronous: isSynchronous, maximumDepth: 32
        ).request
    }

    @Test(
        arguments: [
            (#"{"input": {"messages": [{}]}}"#, JobKind.chat, #"{"messages": [{}]}"#),
            (#"{"input": {"prompt": "a"}}"#, .completion, #"{"prompt": "a"}"#),
            (#"{"input": {"prompt": "a", "messages": [{}]}}"#, .chat, #"{"prompt": "a", "messages": [{}]}"#),
            (#"{"input": {"image": 7}}"#, .chat, #"{"image": 7}"#),
            (
                #"{"input": {"openai_route": "/v1/embeddings", "openai_input": {"input": "a"}}}"#, .embedding,
                #"{"input": "a"}"#
            ),
        ])
    func `an input becomes the request it looks like`(text: String, kind: JobKind, payload: String) throws {
        let request = try submission(text)
        #expect(request.kind == kind && String(decoding: request.payload, as: UTF8.self) == payload)
        #expect(request.model == "m" && request.tenant == "t" && request.priority == .normal && !request.isStreaming)
    }

    @Test func `a policy sets the deadline, the time to run and the priority`() throws {
        let request = try submission(
            #"{"input": {"prompt": "a", "stream": true}, "webhook": "https://example.com/", "policy": {"executionTimeout": 5000, "ttl": 60000, "lowPriority": true}}"#,
            isSynchronous: true)
        #expect(request.executionLimit == .seconds(5) && request.timeToLive == .seconds(60))
        #expect(request.priority == .low && request.isStreaming && request.webhook?.form == .runpod)
        #expect(try submission(#"{"input": {}}"#, isSynchronous: true).priority == .interactive)
    }

    @Test(
        arguments: [
            "", "[]", "{}", #"{"input": 7}"#, #"{"input": {}, "webhook": "nowhere"}"#, #"{"input": {}, "policy": 1}"#,
            #"{"input": {}, "policy": {"ttl": 0}}"#, #"{"input": {}, "policy": {"executionTimeout": 604800001}}"#,
            #"{"input": {}, "policy": {"lowPriority": "yes"}}"#, #"{"input": {"openai_route": "/v1/songs"}}"#,
            #"{"input": {"openai_route": "/v1/embeddings"}}"#,
        ])
    func `a submission that cannot work is refused`(text: String) {
        #expect(throws: GatewayFailure.self) { try submission(text) }
    }

    @Test func `every state has its word`() {
        let words = JobState.allCases.map { RunPodStatus($0, nil).rawValue }
        #expect(
            words == [
                "IN_QUEUE", "IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT", "FAILED",
            ])
        #expect(RunPodStatus(.failed, .timeout) == .timedOut)
    }
}
