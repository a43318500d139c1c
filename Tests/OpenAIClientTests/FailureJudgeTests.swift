import BackendKit
import Testing

@testable import OpenAIClient

@Suite struct FailureJudgeTests {
    private let judge = FailureJudge(redaction: Redaction(["sk-secret"]))

    private func failure(_ status: Int, _ body: String = "", retryAfter: Duration? = nil) -> BackendFailure {
        judge.failure(status: status, body: Array(body.utf8), retryAfter: retryAfter)
    }

    @Test(arguments: [
        (400, BackendFailure.Class.invalidRequest), (404, .invalidRequest), (405, .invalidRequest),
        (413, .invalidRequest), (415, .invalidRequest), (422, .invalidRequest), (401, .auth), (403, .auth),
        (402, .auth),
        (407, .auth), (408, .retryable), (409, .retryable), (425, .retryable), (429, .rateLimited), (500, .retryable),
        (502, .retryable), (503, .retryable), (504, .retryable), (529, .retryable), (302, .retryable),
        (307, .retryable),
        (199, .retryable),
    ])
    func everyStatusHasItsClass(status: Int, errorClass: BackendFailure.Class) {
        #expect(failure(status).errorClass == errorClass)
        #expect(failure(status, "<html>no</html>").body.isEmpty)
    }

    @Test func waitsArePassedOnWhereTheyMean() {
        #expect(failure(429, retryAfter: .seconds(3)).retryAfter == .seconds(3))
        #expect(failure(503, retryAfter: .seconds(3)).retryAfter == .seconds(3))
        #expect(failure(400, retryAfter: .seconds(3)).retryAfter == nil)
    }

    @Test(arguments: [
        #"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
        #"{"error":{"message":"This model's maximum context length is 64 tokens.","code":400}}"#,
        #"{"error":{"message":"Requested tokens (80) exceed context window of 64"}}"#,
        #"{"error":{"code":400,"message":"m","type":"exceed_context_size_error"}}"#,
        #"{"object":"error","message":"the prompt is too long"}"#, #"{"detail":"maximum context length is 5"}"#,
    ])
    func aRequestThatIsTooLongIsToldApart(body: String) {
        for status in [400, 500] {
            let failure = failure(status, body)
            #expect(failure.errorClass == .invalidRequest)
            #expect(failure.message.contains("longer than the model's context"), "\(failure.message)")
            #expect(String(decoding: failure.body, as: UTF8.self).contains(#""code":"context_length_exceeded""#))
        }
    }

    @Test(arguments: [
        #"{"error":{"message":"m","code":"content_filter"}}"#,
        #"{"error":{"message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        #"{"error":{"message":"The response was filtered due to Azure's content management policy."}}"#,
        #"{"error":{"message":"m","code":"content_policy_violation"}}"#,
    ])
    func aFilteredRequestIsToldApart(body: String) {
        let failure = failure(400, body)
        #expect(failure.errorClass == .invalidRequest)
        #expect(failure.message.contains("content filter"), "\(failure.message)")
        #expect(String(decoding: failure.body, as: UTF8.self).contains(#""code":"content_filter""#))
    }

    @Test(arguments: [
        (#"{"error": {"message": "bad n", "code": "x_y"}}"#, #"{"error": {"message": "bad n", "code": "x_y"}}"#),
        (
            #"{"error":"bad n"}"#,
            #"{"error":{"message":"bad n","type":"invalid_request_error","param":null,"code":null}}"#
        ),
        (
            #"{"detail":[{"loc":["body","n"],"msg":"bad n","type":"int_parsing"}]}"#,
            #"{"error":{"message":"bad n","type":"int_parsing","param":null,"code":null}}"#
        ),
        (
            #"[{"error":{"code":400,"message":"bad n","status":"INVALID_ARGUMENT"}}]"#,
            #"{"error":{"message":"bad n","type":"INVALID_ARGUMENT","param":null,"code":"400"}}"#
        ),
    ])
    func theUpstreamsErrorObjectIsKept(body: String, kept: String) {
        let failure = failure(422, body)
        #expect(failure.message.contains("422") && failure.message.contains("bad n"), "\(failure.message)")
        #expect(String(decoding: failure.body, as: UTF8.self) == kept)
    }

    @Test func secretsAndLongWordsDoNotGoOut() {
        let refused = failure(
            401, #"{"error":{"message":"Incorrect API key provided: sk-se*****","code":"invalid_api_key"}}"#)
        #expect(refused.body.isEmpty && !refused.message.contains("sk-"))
        let echoed = failure(400, #"{"error":{"message":"no sk-secret","code":"c"}}"#)
        #expect(!echoed.message.contains("sk-secret"))
        #expect(String(decoding: echoed.body, as: UTF8.self) == #"{"error":{"message":"no [secret]","code":"c"}}"#)
        let long = failure(400, #"{"error":{"message":"\#(String(repeating: "x", count: 5_000))"}}"#)
        #expect(long.message.utf8.count < 800)
        let huge = failure(400, #"{"error":{"message":"\#(String(repeating: "x", count: 70_000))","code":"c"}}"#)
        #expect(huge.body.isEmpty)
        let place = judge.failure(status: 302, body: [], retryAfter: nil, location: "https://x/y?token=abc")
        #expect(place.message.contains("https://x/y,") && !place.message.contains("abc"))
    }

    @Test(arguments: [
        (#"{"error":{"message":"m","type":"server_error"}}"#, BackendFailure.Class.retryable),
        (#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#, .rateLimited),
        (#"{"error":{"message":"m","code":429}}"#, .rateLimited),
        (#"{"error":{"message":"m","code":503}}"#, .retryable),
        (#"{"error":{"message":"m","type":"invalid_request_error"}}"#, .invalidRequest),
        (#"{"error":{"message":"m","code":"invalid_api_key"}}"#, .auth),
        (#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, .invalidRequest),
        (#"{"error":"broken"}"#, .retryable),
    ])
    func errorsInsideAnAnswerHaveTheirClass(body: String, errorClass: BackendFailure.Class) throws {
        let error = try #require(UpstreamError(parsing: Array(body.utf8)))
        #expect(judge.failure(inAnswer: error, body: Array(body.utf8)).errorClass == errorClass)
    }
}
