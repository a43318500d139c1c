import JSONText
import Testing

@Suite struct JSONObjectEditTests {
    private func edited(_ text: String, _ change: (inout JSONObjectEdit) -> Void) throws -> String {
        var edit = try #require(JSONObjectEdit(Array(text.utf8)))
        change(&edit)
        return String(decoding: edit.result(), as: UTF8.self)
    }

    @Test(arguments: ["", "[]", "1", "{", "{}{}", #"{"a"}"#, #"{"a":1,}"#, #"{"a":1 "b":2}"#, "{\"a\":\"\u{1}\"}"])
    func whatIsNotOneObjectIsRefused(text: String) { #expect(JSONObjectEdit(Array(text.utf8)) == nil) }

    @Test(arguments: ["{}", " { } ", "{\"a\": 1e400 , \"a\":\"\\u0041\" }\n"])
    func withoutChangesItIsTheSameText(text: String) throws { #expect(try edited(text) { _ in } == text) }

    @Test(arguments: [
        ("{}", #"{"x":9}"#), (" { } ", #" { "x":9} "#), (#"{"a":1}"#, #"{"a":1,"x":9}"#),
        (#"{ "x" : 1 , "b": [ 1, 2 ] }"#, #"{ "x" : 9 , "b": [ 1, 2 ] }"#),
        (#"{"x":1,"\u0078":{"a":","},"c":"}"}"#, #"{"x":9,"\u0078":9,"c":"}"}"#),
    ])
    func aMemberIsSetInItsPlace(text: String, wanted: String) throws {
        #expect(try edited(text) { $0.set("x", to: [UInt8(ascii: "9")]) } == wanted)
    }

    @Test(arguments: [
        ("{}", "{}"), (#"{"x":1}"#, "{}"), (#"{ "x":1 , "b":2 }"#, #"{ "b":2 }"#),
        (#"{ "a":1 , "x":2 }"#, #"{ "a":1 }"#),
        (#"{"a":1,"x":",","b":2,"x":0}"#, #"{"a":1,"b":2}"#),
    ])
    func aMemberIsRemoved(text: String, wanted: String) throws {
        #expect(try edited(text) { $0.remove("x") } == wanted)
    }

    @Test func changesAreSeenAndAddUp() throws {
        var edit = try #require(JSONObjectEdit(Array(#"{"a":1,"b":2,"a":3}"#.utf8)))
        #expect(edit["a"].map { Array($0) } == Array("3".utf8) && edit["c"] == nil)
        edit.remove("a")
        #expect(edit["a"] == nil)
        edit.set("a", to: Array("4".utf8))
        edit.set("a", to: Array("5".utf8))
        #expect(edit["a"].map { Array($0) } == Array("5".utf8))
        #expect(String(decoding: edit.result(), as: UTF8.self) == #"{"b":2,"a":5}"#)
        edit.remove("b")
        #expect(String(decoding: edit.result(), as: UTF8.self) == #"{"a":5}"#)
    }
}
