import Domain

/// What became of one request of a batch, as a line of OpenAI's batch output or error file.
public struct BatchOutputLine: Sendable {
    /// The answer or the reason there is none.
    public enum Outcome: Sendable {
        /// The backend answered `body`, JSON in UTF-8.
        case answered(body: [UInt8])
        /// There is no answer, for the reason `code` (a word) and `message` (a sentence). With a `statusCode` the error
        /// is written as the HTTP answer a single request would have got; without, as one of the batch itself.
        case failed(code: String, message: String, statusCode: Int?)
        /// The upstream refused the request with `body`, JSON in UTF-8, which is written as the HTTP answer a single
        /// request would have got: its codes tell what Sluice's own words do not.
        case refused(body: [UInt8], statusCode: Int)
    }

    /// Names the request within Sluice; written after `batch_req_`.
    public var id: String
    /// The client's name for the request; nil when its line had none that could be read.
    public var customID: String?
    /// What became of it.
    public var outcome: Outcome

    /// The result of the request `id`.
    public init(id: String, customID: String?, outcome: Outcome) {
        self.id = id
        self.customID = customID
        self.outcome = outcome
    }

    /// Appends the line with its line feed.
    ///
    /// A body is copied as it is, except that line breaks between its tokens become spaces, since each result is one
    /// line. A body that is not JSON after all becomes a JSON string of itself: one backend's garbage never makes the
    /// file unreadable.
    public func append(to text: inout [UInt8]) {
        text.append(contentsOf: #"{"id": "#.utf8)
        JSONString.append("batch_req_" + id, to: &text)
        text.append(contentsOf: #", "custom_id": "#.utf8)
        if let customID { JSONString.append(customID, to: &text) } else { text.append(contentsOf: "null".utf8) }
        switch outcome {
        case .answered(let body):
            appendResponse(200, to: &text)
            Self.append(body, to: &text)
            text.append(contentsOf: "}, \"error\": null}\n".utf8)
        case .refused(let body, let statusCode):
            appendResponse(statusCode, to: &text)
            Self.append(body, to: &text)
            text.append(contentsOf: "}, \"error\": null}\n".utf8)
        case .failed(let code, let message, let statusCode?):
            appendResponse(statusCode, to: &text)
            text.append(contentsOf: #"{"error": "#.utf8)
            Self.append(code, message, to: &text)
            text.append(contentsOf: "}}, \"error\": null}\n".utf8)
        case .failed(let code, let message, nil):
            text.append(contentsOf: #", "response": null, "error": "#.utf8)
            Self.append(code, message, to: &text)
            text.append(contentsOf: "}\n".utf8)
        }
    }

    private func appendResponse(_ statusCode: Int, to text: inout [UInt8]) {
        text.append(contentsOf: #", "response": {"status_code": \#(statusCode), "request_id": "#.utf8)
        JSONString.append("req_" + id, to: &text)
        text.append(contentsOf: #", "body": "#.utf8)
    }

    private static func append(_ code: String, _ message: String, to text: inout [UInt8]) {
        text.append(contentsOf: #"{"code": "#.utf8)
        JSONString.append(code, to: &text)
        text.append(contentsOf: #", "message": "#.utf8)
        JSONString.append(message, to: &text)
        text.append(UInt8(ascii: "}"))
    }

    private static func append(_ body: [UInt8], to text: inout [UInt8]) {
        var scanner = JSONScanner()
        do throws(JSONScanError) {
            try scanner.scan(body.span)
            let start = text.count
            text.append(contentsOf: body)
            // Inside a string of valid JSON there is no line break.
            guard body.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return }
            for place in start..<text.count where text[place] == 0x0A || text[place] == 0x0D { text[place] = 0x20 }
        } catch {
            JSONString.append(String(decoding: body, as: UTF8.self), to: &text)
        }
    }
}
