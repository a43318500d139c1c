import BackendKit
import Testing

@testable import OpenAIClient

@Suite struct RequestShapeTests {
    private func shaped(
        _ body: String, _ configuration: String = "", kind: ServiceDescriptor.Kind = .chat, streaming: Bool = false
    ) throws -> String {
        let configuration = try OpenAIConfiguration(
            parsing: Array(#"{"base_url": "http://x"\#(configuration.isEmpty ? "" : ", \(configuration)")}"#.utf8))
        let shaped = try RequestShape(configuration: configuration).shaped(
            Array(body.utf8), kind: kind, isStreaming: streaming)
        return String(decoding: shaped.body, as: UTF8.self)
    }

    @Test func withoutConfigurationNoByteChanges() throws {
        let body =
            "{ \"temperature\" : 1.0e0,\n\t\"messages\":[ {\"role\":\"user\" , \"content\":\"\\u00e9 \\ud83d\"}], \"seed\": 12345678901234567890, \"stream\": false }\n"
        #expect(try shaped(body) == body)
    }

    @Test(arguments: [
        (#""model": "up""#, #"{"model":"m","messages":1}"#, #"{"model":"up","messages":1}"#),
        (#""model": "up""#, #"{"messages":1}"#, #"{"messages":1,"model":"up"}"#),
        (#""models": {"m": "up"}"#, #"{"mod\u0065l": "m", "messages":1}"#, #"{"mod\u0065l": "up", "messages":1}"#),
        (#""models": {"x": "up"}"#, #"{"model": "m", "messages":1}"#, #"{"model": "m", "messages":1}"#),
        (#""force": {"n": 1}"#, #"{"n": 5, "messages":1, "n" : 7 }"#, #"{"n": 1, "messages":1, "n" : 1 }"#),
        (#""defaults": {"n": 1, "p": 2}"#, #"{"n": 5, "messages":1}"#, #"{"n": 5, "messages":1,"p":2}"#),
        (#""clamp": {"n": {"max": 4}}"#, #"{"n": 5, "messages":1}"#, #"{"n": 4, "messages":1}"#),
        (#""clamp": {"n": {"min": 0.5}}"#, #"{"n": 0.1, "messages":1}"#, #"{"n": 0.5, "messages":1}"#),
        (#""clamp": {"n": {"min": 1, "max": 9}}"#, #"{"n": 5.0, "messages":1}"#, #"{"n": 5.0, "messages":1}"#),
        (#""clamp": {"n": {"max": 4}}"#, #"{"n": "5", "messages":1}"#, #"{"n": "5", "messages":1}"#),
        ("", #"{"stream": true, "messages":1, "stream_options": {"a":1}}"#, #"{"stream": false, "messages":1}"#),
    ])
    func whatIsConfiguredIsChangedInItsPlace(configuration: String, body: String, wanted: String) throws {
        #expect(try shaped(body, configuration) == wanted)
    }

    @Test(arguments: [
        ("", #"{"messages":1}"#, #"{"messages":1,"stream":true,"stream_options":{"include_usage":true}}"#),
        (
            "", #"{"messages":1, "stream":false, "stream_options" : {"a": 1}}"#,
            #"{"messages":1, "stream":true, "stream_options" : {"a": 1,"include_usage":true}}"#
        ),
        (
            "", #"{"messages":1,"stream":true,"stream_options":{"include_usage":true}}"#,
            #"{"messages":1,"stream":true,"stream_options":{"include_usage":true}}"#
        ),
        (#""include_usage": false"#, #"{"messages":1}"#, #"{"messages":1,"stream":true}"#),
    ])
    func aStreamingCallAsksForAStreamWithItsUsage(configuration: String, body: String, wanted: String) throws {
        #expect(try shaped(body, configuration, streaming: true) == wanted)
    }

    @Test func otherKindsStreamWithoutOptions() throws {
        #expect(try shaped(#"{"input":"x"}"#, kind: .response, streaming: true) == #"{"input":"x","stream":true}"#)
        #expect(try shaped(#"{"input":"x"}"#, kind: .embedding, streaming: true) == #"{"input":"x"}"#)
    }

    @Test(arguments: ["", "[]", "{}", "x", #"{"prompt":1}"#, #"{"messages":1}{"#])
    func whatAsksNothingIsRefused(body: String) throws {
        let failure = try #require(throws: BackendFailure.self) { try shaped(body) }
        #expect(failure.errorClass == .invalidRequest)
    }
}
