import Admission
import Testing

struct RateHeadersTests {
    @Test(arguments: [
        (Duration.zero, "0ms"), (.milliseconds(20), "20ms"), (.seconds(1), "1s"), (.milliseconds(1_500), "1.5s"),
        (.seconds(360), "6m0s"), (.milliseconds(59_999), "59.999s"), (.seconds(3_661), "1h1m1s"),
    ])
    func `times are written as OpenAI does`(time: Duration, text: String) { #expect(RateHeaders.text(time) == text) }

    @Test func `the limit that has least left is told`() {
        let headers = RateHeaders.headers(
            "requests", [.init(maximum: 60, remaining: 59), .init(maximum: 10, remaining: 2.5)])
        #expect(headers.map(\.value) == ["10", "2", "45s"])
        #expect(RateHeaders.headers("tokens", []).isEmpty)
    }
}

struct BodyPaceTests {
    @Test func `a body may be slow for a while, then not`() {
        var pace = BodyPace(grace: .seconds(10), bytesPerSecond: 100)
        #expect(!pace.isTooSlow(at: .seconds(1_000)))
        pace.began(at: .seconds(100))
        pace.received(100)
        #expect(!pace.isTooSlow(at: .seconds(111)))
        #expect(pace.isTooSlow(at: .milliseconds(111_100)))
        pace.received(900)
        #expect(!pace.isTooSlow(at: .seconds(119)))
        pace.ended()
        #expect(!pace.isTooSlow(at: .seconds(1_000)) && !pace.isComing)
    }
}

struct KeyScopeTests {
    @Test func `each scope lets do one thing`() {
        #expect(KeyScope.read.isGranted(by: [.read]) && !KeyScope.submit.isGranted(by: [.read]))
        #expect(KeyScope.submit.isGranted(by: [.submit]) && !KeyScope.read.isGranted(by: [.submit]))
        #expect(KeyScope.allCases.allSatisfy { $0.isGranted(by: Set(KeyScope.allCases)) })
    }
}
