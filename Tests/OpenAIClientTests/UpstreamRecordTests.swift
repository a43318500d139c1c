import BackendKit
import Foundation
import Testing

@testable import OpenAIClient

@Suite struct UpstreamRecordTests {
    private let now = ContinuousClock.now

    private func after(_ classes: BackendFailure.Class...) -> UpstreamRecord {
        var record = UpstreamRecord()
        for errorClass in classes {
            record.began()
            record.failed(BackendFailure(errorClass, "x", retryAfter: .seconds(4)), at: now)
        }
        return record
    }

    @Test func healthFollowsHowRequestsEnded() {
        #expect(UpstreamRecord().health(at: now).state == .well)
        #expect(after(.retryable, .retryable, .retryable, .retryable).health(at: now).state == .well)
        var failing = after(.retryable, .retryable, .retryable, .retryable, .retryable)
        #expect(failing.health(at: now).state == .failing)
        failing.began()
        failing.succeeded(AnswerUsage(prompt: 1, completion: 1, isEstimated: false))
        #expect(failing.health(at: now).state == .well)
        #expect(after(.auth).health(at: now).state == .failing)
        #expect(after(.auth, .invalidRequest).health(at: now).state == .well)
        #expect(
            after(.invalidRequest, .invalidRequest, .invalidRequest, .invalidRequest, .invalidRequest).health(at: now)
                .state == .well)
        let limited = after(.rateLimited)
        #expect(limited.health(at: now).state == .strained)
        #expect(limited.health(at: now + .seconds(5)).state == .well)
    }

    @Test func countsAreFlat() throws {
        var record = after(.retryable, .invalidRequest)
        record.began()
        record.wasCancelled()
        record.began()
        record.succeeded(AnswerUsage(prompt: 5, completion: 6, isEstimated: true))
        record.began()
        let counts = try #require(
            try JSONSerialization.jsonObject(with: Data(record.json(rotations: 2))) as? [String: Int])
        #expect(counts["requests"] == 5 && counts["open"] == 1 && counts["succeeded"] == 1 && counts["cancelled"] == 1)
        #expect(
            counts["failed_retryable"] == 1 && counts["failed_invalid_request"] == 1 && counts["key_rotations"] == 2)
        #expect(counts["prompt_tokens"] == 5 && counts["completion_tokens"] == 6 && counts["estimated_usages"] == 1)
    }
}
