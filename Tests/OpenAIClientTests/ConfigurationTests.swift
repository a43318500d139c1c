import BackendKit
import Testing

@testable import OpenAIClient

@Suite struct ConfigurationTests {
    private func parsed(_ text: String) throws -> OpenAIConfiguration {
        try OpenAIConfiguration(parsing: Array(text.utf8))
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try parsed(
            """
            {"base_url": "https://example.com:8443/api/v1/", "paths": {"chat": "/c", "response": "/r?v=1"},
             "api_key": ["env:A", "file:/b"], "api_key_header": "Api-Key", "headers": {"X-A": "1", "X-B": "env:B"},
             "organization": "org", "project": "proj", "proxy": "http://proxy:3128", "proxy_authorization": "env:P",
             "trusted_ca": "/ca.pem", "http2": false, "connections": 9, "connect_timeout_ms": 1,
             "first_byte_timeout_ms": 2, "idle_timeout_ms": 3, "timeout_ms": 4, "max_response_bytes": 5000,
             "max_event_bytes": 4000, "model": "forced", "models": {"a": "b"}, "defaults": {"top_p": 0.5},
             "force": {"user": {"x": 1}}, "clamp": {"max_tokens": {"max": 10}}, "include_usage": false}
            """)
        #expect(configuration.url(for: .chat) == "https://example.com:8443/api/v1/c")
        #expect(configuration.url(for: .completion) == "https://example.com:8443/api/v1/completions")
        #expect(configuration.url(for: .response) == "https://example.com:8443/api/v1/r?v=1")
        #expect(configuration.keys.map(\.description) == ["env:A", "file:/b"])
        #expect(configuration.keyHeader == "api-key" && configuration.headers.count == 2)
        #expect(configuration.organization == "org" && configuration.project == "proj")
        #expect(configuration.proxy == .init(isSOCKS: false, host: "proxy", port: 3_128))
        #expect(configuration.proxyAuthorization?.description == "env:P" && configuration.trustedCA == "/ca.pem")
        #expect(!configuration.isHTTP2Allowed && configuration.connections == 9 && !configuration.includesUsage)
        #expect(configuration.times.connect == .milliseconds(1) && configuration.times.firstByte == .milliseconds(2))
        #expect(configuration.times.idle == .milliseconds(3) && configuration.times.whole == .milliseconds(4))
        #expect(configuration.maximumAnswerBytes == 5_000 && configuration.maximumEventBytes == 4_000)
        #expect(configuration.model == "forced" && configuration.models == ["a": "b"])
        #expect(configuration.defaults.map(\.value) == [Array("0.5".utf8)])
        #expect(configuration.forced.map(\.value) == [Array(#"{"x": 1}"#.utf8)])
        #expect(configuration.clamps == [.init(key: "max_tokens", minimum: nil, maximum: 10)])
    }

    @Test(arguments: [
        ("", "is not a JSON object"), ("[]", "is not a JSON object"), ("{", "is not a JSON object"),
        ("{}", "needs the key 'base_url'"),
        (#"{"base_uri": "x"}"#, "does not know the key 'base_uri'; it knows base_url, paths"),
        (#"{"base_url": 5}"#, "'base_url' must be a string, not a number"),
        (#"{"base_url": "ftp://x"}"#, "'base_url' must be an http"),
        (#"{"base_url": "https://user:pw@x"}"#, "'base_url' must be an http"),
        (#"{"base_url": "https://x?y=1"}"#, "'base_url' must be an http"),
        (#"{"base_url": "https://x:99999"}"#, "'base_url' must be an http"),
        (#"{"paths": {"image": "/x"}}"#, "'paths' has no 'image'"),
        (#"{"paths": {"chat": "x"}}"#, "'paths.chat' must be a path"),
        (#"{"api_key": []}"#, "'api_key' must be a reference"),
        (#"{"api_key": ["env:A", 5]}"#, "'api_key' must hold references"),
        (#"{"api_key_header": "a b"}"#, "'api_key_header' must be the name of a header"),
        (#"{"headers": {"a b": "x"}}"#, "'headers.a b' is not the name of a header"),
        (#"{"headers": {"Host": "x"}}"#, "'headers.Host' is a header the backend sets itself"),
        (#"{"headers": {"x": "a\nb"}}"#, "'headers.x' must be one line"),
        (#"{"proxy": "http://proxy"}"#, "'proxy' must be http://HOST:PORT"),
        (#"{"base_url": "http://x", "proxy_authorization": "env:A"}"#, "of no use without 'proxy'"),
        (#"{"trusted_ca": "ca.pem"}"#, "'trusted_ca' must be an absolute path"),
        (#"{"http2": 1}"#, "'http2' must be true or false, not a number"),
        (#"{"timeout_ms": 0}"#, "'timeout_ms' must be a whole number in 1...86400000"),
        (#"{"timeout_ms": 1.5}"#, "'timeout_ms' must be a whole number"),
        (#"{"models": {"a": 1}}"#, "'models.a' must be a string"),
        (#"{"force": {"stream": true}}"#, "'force' cannot hold 'stream'"),
        (#"{"defaults": 1}"#, "'defaults' must be an object, not a number"),
        (#"{"clamp": {"n": {}}}"#, "'clamp.n' needs min, max or both"),
        (#"{"clamp": {"n": {"least": 1}}}"#, "'clamp.n' has no 'least'"),
        (#"{"clamp": {"n": {"min": 2, "max": 1}}}"#, "'clamp.n' has a min above its max"),
    ])
    func mistakesAreRefusedByName(text: String, sentence: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try parsed(text) }
        #expect(failure.errorClass == .invalidRequest)
        #expect(failure.message.contains(sentence), "\(failure.message)")
    }

    @Test(arguments: [
        #"{"api_key": "sk-very-secret"}"#, #"{"api_key": ["sk-very-secret"]}"#,
        #"{"proxy": "http://u:sk-very-secret@proxy:1"}"#, #"{"base_url": "https://sk-very-secret@x"}"#,
        #"{"proxy_authorization": "u:sk-very-secret"}"#,
    ])
    func aSecretInTheWrongPlaceIsNotShown(text: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try parsed(text) }
        #expect(!failure.message.contains("very-secret"), "\(failure.message)")
    }
}
