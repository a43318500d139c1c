import Testing

@testable import OpenAIClient

@Suite struct EventStreamParserTests {
    private func events(_ parts: [[UInt8]], maximum: Int = 1_000) throws -> [EventStreamParser.Event] {
        var parser = EventStreamParser(maximumBytes: maximum)
        var events: [EventStreamParser.Event] = []
        for part in parts { try parser.consume(part) { events.append($0) } }
        return events
    }

    private func event(_ data: String, _ name: String = "") -> EventStreamParser.Event {
        EventStreamParser.Event(name: name, data: Array(data.utf8))
    }

    @Test(arguments: [
        ("data: a\n\n", ["a"]), ("data:a\r\n\r\n", ["a"]), ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data: a\ndata: b\n\n", ["a\nb"]), (": comment\ndata: a\n\n", ["a"]), ("data\n\n", [""]),
        ("data:  two spaces\n\n", [" two spaces"]), ("id: 4\nretry: 5\nother: x\ndata: a\n\n", ["a"]),
        ("\n\n\ndata: a\n\n\n", ["a"]), ("data: unfinished", []), ("data: unfinished\n", []), ("event: e\n\n", []),
        ("\u{feff}data: a\n\n", ["a"]), ("data: é😀\n\n", ["é😀"]),
        ("data: {\"a\": \"b: c\"}\n\n", ["{\"a\": \"b: c\"}"]),
    ])
    func eventsAreRead(text: String, data: [String]) throws {
        let whole = try events([Array(text.utf8)])
        #expect(whole.map { String(decoding: $0.data, as: UTF8.self) } == data)
        // However the bytes are cut, the events are the same.
        #expect(try events(text.utf8.map { [$0] }) == whole)
        for cut in 0..<text.utf8.count {
            #expect(try events([Array(text.utf8.prefix(cut)), Array(text.utf8.dropFirst(cut))]) == whole)
        }
    }

    @Test func namesBelongToTheirEventAlone() throws {
        let text = "event: error\ndata: a\n\ndata: b\n\n"
        #expect(try events([Array(text.utf8)]) == [event("a", "error"), event("b")])
    }

    @Test func longEventsAreRefused() throws {
        let line = Array("data: \(String(repeating: "x", count: 100))\n\n".utf8)
        #expect(try events([line, line], maximum: 106).count == 2)
        #expect(throws: EventStreamParser.TooLong.self) { try events([line], maximum: 105) }
        // Many lines of one event, and a line that never ends.
        let lines = Array(String(repeating: "data: x\n", count: 200).utf8)
        #expect(throws: EventStreamParser.TooLong.self) { try events([lines], maximum: 300) }
        #expect(throws: EventStreamParser.TooLong.self) {
            try events(Array(repeating: [UInt8](repeating: 0x78, count: 64), count: 20), maximum: 1_000)
        }
    }
}
