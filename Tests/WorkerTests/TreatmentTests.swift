import Domain
import Testing

@testable import Worker

/// What arms make of requests.
struct TreatmentTests {
    struct Case: Sendable {
        var kind = JobKind.chat
        var payload: String
        var treatment: String
        var result: String
    }

    private static let prefix = #"{"parameters": null, "prompt_prefix": "Be \"kind\"."}"#

    @Test(arguments: [
        Case(
            payload: #"{"messages":[],"temperature":1}"#,
            treatment: #"{"parameters": {"temperature": 0, "seed": 7}, "prompt_prefix": null}"#,
            result: #"{"messages":[],"temperature":0,"seed":7}"#),
        Case(
            payload: #"{"messages":[]}"#, treatment: prefix,
            result: #"{"messages":[{"role":"system","content":"Be \"kind\"."}]}"#),
        Case(
            payload: #"{"messages": [ {"role":"user","content":"Hi"}]}"#, treatment: prefix,
            result: #"{"messages": [ {"role":"system","content":"Be \"kind\"."},{"role":"user","content":"Hi"}]}"#),
        Case(
            payload: #"{"messages":[{"role":"system","content":"Short."},{"role":"user","content":"Hi"}]}"#,
            treatment: prefix,
            result:
                #"{"messages":[{"role":"system","content":"Be \"kind\".\n\nShort."},{"role":"user","content":"Hi"}]}"#),
        Case(
            payload: #"{"messages":[{"role":"system","content":[{"type":"text","text":"x"}]}]}"#, treatment: prefix,
            result:
                #"{"messages":[{"role":"system","content":"Be \"kind\"."},{"role":"system","content":[{"type":"text","text":"x"}]}]}"#
        ),
        Case(
            kind: .completion, payload: #"{"prompt":"Once"}"#, treatment: prefix,
            result: #"{"prompt":"Be \"kind\".Once"}"#),
        Case(
            kind: .completion, payload: #"{"prompt":["Once", [1, 2]]}"#, treatment: prefix,
            result: #"{"prompt":["Be \"kind\".Once",[1, 2]]}"#),
        Case(
            kind: .response, payload: #"{"input":"Hi"}"#, treatment: prefix,
            result: #"{"input":"Hi","instructions":"Be \"kind\"."}"#),
        Case(
            kind: .response, payload: #"{"instructions":"Short.","input":"Hi"}"#, treatment: prefix,
            result: #"{"instructions":"Be \"kind\".\n\nShort.","input":"Hi"}"#),
        Case(kind: .embedding, payload: #"{"input":"Hi"}"#, treatment: prefix, result: #"{"input":"Hi"}"#),
        Case(payload: #"{"messages":"none"}"#, treatment: prefix, result: #"{"messages":"none"}"#),
    ])
    func `a request becomes what the arm says, and nothing else changes`(_ case: Case) throws {
        let treatment = try #require(Treatment(Array(`case`.treatment.utf8)))
        let result = treatment.applied(to: Array(`case`.payload.utf8), kind: `case`.kind)
        #expect(String(decoding: result, as: UTF8.self) == `case`.result)
    }

    @Test func `what is no treatment is none`() { #expect(Treatment(Array("[]".utf8)) == nil) }
}
