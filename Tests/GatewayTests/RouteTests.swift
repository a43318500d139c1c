import HTTPTypes
import Testing

@testable import Gateway

struct RouteTests {
    @Test(
        arguments: [
            ("meta-llama%2FLlama-3", "meta-llama/Llama-3"), ("a%20b%c3%BC", "a bü"), ("plain", "plain"), ("", ""),
            ("100%", "100%"), ("%zz", "%zz"), ("%ff", "%ff"), ("%2", "%2"),
        ])
    func `a name in a path is what it stands for`(text: String, name: String) {
        #expect(PathText.decoded(text) == name)
    }

    @Test(
        arguments: [
            (HTTPRequest.Method.post, "/v2/{model}/run", true), (.post, "/v2/{model}/runsync", true),
            (.post, "/v2/{model}/retry/{id}", true), (.post, "/v2/{model}/cancel/{id}", false),
            (.post, "/v2/{model}/purge-queue", false), (.post, "/v2/{model}/status/{id}", false),
            (.post, "/v2/{model}/stream/{id}", false), (.get, "/v2/{model}/status/{id}", false),
            (.post, "/api/jobs", true), (.post, "/api/jobs/{id}/cancel", false), (.post, "/v1/responses", true),
            (.post, "/v1/batches/{id}/cancel", false), (.delete, "/v1/files/{id}", false),
        ])
    func `who looks or gives something up is not charged`(method: HTTPRequest.Method, path: String, isCharged: Bool) {
        #expect(RouteCharge.isCharged(method, path) == isCharged)
    }

    @Test func `the bound of requests is reached before that of connections`() {
        let settings = GatewaySettings()
        #expect(settings.maximumRequests < settings.maximumConnections)
    }
}
