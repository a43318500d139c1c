import NIOHTTP1
import Testing

@testable import OpenAIClient

@Suite struct RetryAfterTests {
    /// Sat, 21 Nov 2026 10:28:00 GMT.
    private static let now = 1_795_256_880.0

    @Test(arguments: [
        (["retry-after": "7"], 7_000), (["retry-after": "0.25"], 250), (["retry-after": "0"], 0),
        (["retry-after-ms": "130", "retry-after": "9"], 130),
        (["retry-after": "Sat, 21 Nov 2026 10:28:30 GMT"], 30_000),
        (["retry-after": "Saturday, 21-Nov-26 10:29:00 GMT"], 60_000),
        (["retry-after": "Sat Nov 21 10:28:02 2026"], 2_000),
        // In the past: at once.
        (["retry-after": "Sat, 21 Nov 2026 10:00:00 GMT"], 0),
        (["retry-after": "99999999"], 86_400_000),
        (["x-ratelimit-reset-requests": "6m0s"], 360_000),
        (["x-ratelimit-reset-tokens": "20ms"], 20),
        (["x-ratelimit-reset-requests": "1h2m3.5s"], 3_723_500),
        (["x-ratelimit-reset": "12"], 12_000),
        (["x-ratelimit-reset": "1795256885"], 5_000), (["x-ratelimit-reset": "1795256885500"], 5_500),
        (["x-ratelimit-reset-tokens": "2026-11-21T10:28:10Z"], 10_000),
        (["x-ratelimit-reset-tokens": "2026-11-21T12:28:10.5+02:00"], 10_500),
        // Which limit was hit says its remainder; when none says so, the shortest.
        (
            [
                "x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-tokens": "9s", "x-ratelimit-remaining-tokens": "0",
            ], 9_000
        ),
        (["x-ratelimit-reset-requests": "4s", "x-ratelimit-reset-tokens": "2s"], 2_000),
        (["retry-after": "soon", "x-ratelimit-reset": "3"], 3_000),
    ])
    func waitsAreRead(headers: [String: String], milliseconds: Int) {
        let headers = HTTPHeaders(headers.map { ($0.key, $0.value) })
        #expect(RetryAfter.wait(in: headers, now: Self.now) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        [:], ["retry-after": "soon"], ["retry-after": ""], ["retry-after": "-5"], ["x-ratelimit-reset": "1x"],
        ["x-ratelimit-reset": "s"], ["x-ratelimit-remaining": "0"], ["retry-after": "Sat, 41 Nov 2026 10:28:30 GMT"],
        ["retry-after": "Sat, 21 Foo 2026 10:28:30 GMT"], ["retry-after": "1 2 3 4 5 6"],
        ["x-ratelimit-reset": "2026-13-01T00:00:00Z"], ["x-ratelimit-reset": "2026-11-21T10:28"],
    ])
    func whatIsNoTimeIsNone(headers: [String: String]) {
        #expect(RetryAfter.wait(in: HTTPHeaders(headers.map { ($0.key, $0.value) }), now: Self.now) == nil)
    }

    @Test func datesCrossLeapDays() {
        #expect(HTTPDate.seconds("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(HTTPDate.seconds("Fri, 01 Mar 2024 00:00:00 GMT") == 1_709_251_200)
        #expect(HTTPDate.seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(HTTPDate.seconds("Sun Nov  6 08:49:37 1994") == 784_111_777)
    }
}
