/// What the scripted server does with one request.
package struct Script: Sendable {
    package enum Step: Sendable {
        case send([UInt8])
        /// Waits some milliseconds.
        case pause(Int)
        /// Waits until the client has read everything that was sent: a reset takes what it has not.
        case untilRead
        /// Waits until the server's `release` is called.
        case hold
        /// Sends this again and again until the client hangs up.
        case endless([UInt8])
        /// Ends the connection in an orderly way.
        case close
        /// Ends the connection with a TCP reset.
        case reset
    }

    package var steps: [Step]

    package init(_ steps: Step...) { self.steps = steps }
    package init(_ steps: [Step]) { self.steps = steps }

    package static func text(_ text: String) -> Step { .send(Array(text.utf8)) }

    /// A whole answer with its length.
    package static func answer(_ status: Int, _ body: String, headers: String = "") -> Script {
        Script(
            text(
                "HTTP/1.1 \(status) Scripted\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n"
                    + "\(headers)\r\n\(body)"))
    }

    /// A whole answer that is well.
    package static func answer(_ body: String) -> Script { answer(200, body) }

    /// A stream of events, each in a chunk of HTTP's, and a write, of its own; the end comes with the last.
    package static func events(_ events: [String], headers: String = "") -> Script {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\(headers)\r\n"
        let (first, last) = (events.dropLast(), events.last.map(framed) ?? "")
        return Script([text(head)] + first.map(chunk) + [text(last + "0\r\n\r\n")])
    }

    package static func chunk(_ text: String) -> Step { Self.text(framed(text)) }

    private static func framed(_ text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
    }

    /// The head of a stream, to be followed by steps of the test's own.
    package static let streamHead = text(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    /// A chat answer of that text.
    package static func chat(_ content: String = "Hello") -> Script {
        answer(
            #"{"id":"c1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"\#(content)"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#
        )
    }

    /// The data of a chat chunk.
    package static func delta(_ delta: String, finish: String = "null") -> String {
        #"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"#
            + "\n\n"
    }
}
