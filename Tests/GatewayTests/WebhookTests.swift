import Testing

@testable import Gateway

struct WebhookTests {
    /// The example of standardwebhooks.com.
    @Test func `a message is signed as Standard Webhooks says`() {
        let header = WebhookSignature.header(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330,
            payload: Array(#"{"test": 2432232314}"#.utf8), secrets: [Self.secret])
        #expect(header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        #expect(WebhookSignature.shown(Self.secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    }

    private static let secret: [UInt8] = [
        0x31, 0xF2, 0x90, 0xF6, 0xBF, 0x06, 0x29, 0x8A, 0xAB, 0x4F, 0x08, 0xD4, 0x3C, 0x3F, 0x08, 0x2C, 0xF6, 0x48,
        0xA3, 0x62, 0xDA, 0x2D, 0xA4, 0xB0,
    ]

    @Test func `each secret signs for itself`() {
        let one = WebhookSignature.header(id: "a", timestamp: 1, payload: [1], secrets: [Self.secret])
        let two = WebhookSignature.header(id: "a", timestamp: 1, payload: [1], secrets: [[9], Self.secret])
        #expect(two.split(separator: " ").last.map(String.init) == one && two.split(separator: " ").count == 2)
    }

    @Test func `tries lie further and further apart, within half a day`() {
        var random = SystemRandomNumberGenerator()
        for (attempt, longest) in [(1, 1.0), (2, 4), (3, 16), (8, 16_384), (9, 43_200), (32_767, 43_200)] {
            let delay = WebhookBackoff.delay(after: Int16(attempt), using: &random)
            #expect(delay >= .seconds(longest * 0.79) && delay <= .seconds(longest))
        }
    }

    @Test(
        arguments: [
            "ftp://example.com/", "example.com", "http:///path", "http://user@example.com/", "http://u:p@example.com/",
            "javascript:alert(1)", "http://example.com:99999/", "",
        ])
    func `what is no URL of HTTP is no address`(text: String) { #expect(WebhookAddress(text) == nil) }

    @Test func `an address knows its host as it is looked up`() {
        #expect(WebhookAddress("https://example.com:8443/a?b=c")?.host == "example.com")
        #expect(WebhookAddress("http://[::1]:80/")?.host == "::1")
    }
}
