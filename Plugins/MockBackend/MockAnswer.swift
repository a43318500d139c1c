import BackendKit
import JSONText

/// The answer to a request: the same for the same prompt and seed, whatever happened before.
struct MockAnswer: Sendable {
    let kind: ServiceDescriptor.Kind
    /// The model's name as JSON, quotes included.
    let model: [UInt8]
    let hash: UInt64
    let wordCount: Int
    let isCut: Bool
    let tokens: (prompt: Int, completion: Int)
    private let inputs: Int
    private let dimensions: Int

    init(
        _ scan: MockScan,
        _ bytes: UnsafeBufferPointer<UInt8>,
        kind: ServiceDescriptor.Kind,
        _ configuration: MockConfiguration
    ) {
        self.kind = kind
        model = scan.model.map { [UInt8](bytes[$0]) } ?? Array("\"mock\"".utf8)
        hash = Self.hash(
            UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[scan.prompt]),
            seed: UInt64(bitPattern: Int64(scan.seed &+ configuration.seed))
        )
        let limit = max(0, scan.maximumTokens ?? .max)
        isCut = limit < configuration.completionTokens
        wordCount = kind == .embedding ? 0 : min(limit, configuration.completionTokens)
        // Four bytes a token, the rule of thumb for English.
        tokens = ((scan.prompt.count + 3) / 4, wordCount)
        inputs = scan.inputs
        dimensions = configuration.embeddingDimensions
    }

    /// The whole answer; with stamps, when it was made, in Unix microseconds.
    func body(sentMicroseconds: Int? = nil) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(
            320 + model.count + (kind == .embedding ? inputs * (64 + dimensions * 10) : wordCount * 9)
        )
        switch kind {
        case .embedding:
            text.append("{\"object\":\"list\",\"data\":[")
            for input in 0..<inputs {
                if input > 0 { text.append(UInt8(ascii: ",")) }
                appendEmbedding(input, to: &text)
            }
            text.append("],\"model\":")
            text += model
        case .chat:
            appendHead("chat.completion", to: &text)
            text.append(",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"")
            for word in 0..<wordCount { append(word, to: &text) }
            text.append("\"},\"logprobs\":null,\"finish_reason\":\"")
            text.append(isCut ? "length\"}]" : "stop\"}]")
        case .response:
            appendHead("response", to: &text)
            text.append(
                isCut
                    ? ",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"
                    : ",\"status\":\"completed\"")
            text.append(",\"output\":[{\"type\":\"message\",\"id\":\"msg_mock\",\"role\":\"assistant\",\"status\":")
            text.append(isCut ? "\"incomplete\"" : "\"completed\"")
            text.append(",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"text\":\"")
            for word in 0..<wordCount { append(word, to: &text) }
            text.append("\"}]}]")
        case .completion:
            appendHead("text_completion", to: &text)
            text.append(",\"choices\":[{\"index\":0,\"text\":\"")
            for word in 0..<wordCount { append(word, to: &text) }
            text.append("\",\"logprobs\":null,\"finish_reason\":\"")
            text.append(isCut ? "length\"}]" : "stop\"}]")
        }
        text.append(kind == .response ? ",\"usage\":{\"input_tokens\":" : ",\"usage\":{\"prompt_tokens\":")
        text.appendDecimal(tokens.prompt)
        if kind != .embedding {
            text.append(kind == .response ? ",\"output_tokens\":" : ",\"completion_tokens\":")
            text.appendDecimal(tokens.completion)
        }
        text.append(",\"total_tokens\":")
        text.appendDecimal(tokens.prompt + tokens.completion)
        text.append("}")
        if let sentMicroseconds {
            text.append(",\"sent_us\":")
            text.appendDecimal(sentMicroseconds)
        }
        text.append("}")
        return text
    }

    /// The chunk that brings one word of a streaming answer.
    func chunk(_ word: Int, sentMilliseconds: Int? = nil) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(200 + model.count)
        if kind == .response {
            text.append("{\"type\":\"response.output_text.delta\",\"item_id\":\"msg_mock\",\"output_index\":0,")
            text.append("\"content_index\":0,\"sequence_number\":")
            text.appendDecimal(word)
            text.append(",\"delta\":\"")
            append(word, to: &text)
            text.append("\"}")
            return text
        }
        appendHead(kind == .chat ? "chat.completion.chunk" : "text_completion", to: &text)
        if let sentMilliseconds {
            text.append(",\"sent_ms\":")
            text.appendDecimal(sentMilliseconds)
        }
        text.append(",\"choices\":[{\"index\":0,")
        if kind == .chat {
            text.append(word == 0 ? "\"delta\":{\"role\":\"assistant\",\"content\":\"" : "\"delta\":{\"content\":\"")
            append(word, to: &text)
            text.append("\"},\"finish_reason\":null}]}")
        } else {
            text.append("\"text\":\"")
            append(word, to: &text)
            text.append("\",\"finish_reason\":null}]}")
        }
        return text
    }

    /// The chunk that ends a streaming answer.
    func lastChunk() -> [UInt8] {
        var text: [UInt8] = []
        if kind == .response {
            text.append(isCut ? "{\"type\":\"response.incomplete\"" : "{\"type\":\"response.completed\"")
            text.append(",\"sequence_number\":")
            text.appendDecimal(wordCount)
            text.append(",\"response\":")
            text += body()
            text.append("}")
            return text
        }
        appendHead(kind == .chat ? "chat.completion.chunk" : "text_completion", to: &text)
        text.append(
            kind == .chat ? ",\"choices\":[{\"index\":0,\"delta\":{}," : ",\"choices\":[{\"index\":0,\"text\":\"\",")
        text.append("\"finish_reason\":\"")
        text.append(isCut ? "length\"}]}" : "stop\"}]}")
        return text
    }

    private func appendHead(_ object: StaticString, to text: inout [UInt8]) {
        switch kind {
        case .chat: text.append("{\"id\":\"chatcmpl-mock")
        case .response: text.append("{\"id\":\"resp_mock")
        case .completion, .embedding: text.append("{\"id\":\"cmpl-mock")
        }
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: hash >> UInt64(shift) & 15)
            text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
        text.append("\",\"object\":\"")
        text.append(object)
        // A fixed time: answers follow from the request alone.
        text.append(
            kind == .response ? "\",\"created_at\":1700000000,\"model\":" : "\",\"created\":1700000000,\"model\":")
        text += model
    }

    private func append(_ word: Int, to text: inout [UInt8]) {
        if word > 0 { text.append(UInt8(ascii: " ")) }
        let choice = Int(Self.mixed(hash &+ UInt64(word)) >> 32 & 63)
        text.append(Self.words[choice])
        if word == wordCount - 1, !isCut { text.append(UInt8(ascii: ".")) }
    }

    private func appendEmbedding(_ input: Int, to text: inout [UInt8]) {
        text.append("{\"object\":\"embedding\",\"index\":")
        text.appendDecimal(input)
        text.append(",\"embedding\":[")
        for dimension in 0..<dimensions {
            if dimension > 0 { text.append(UInt8(ascii: ",")) }
            let bits = Self.mixed(hash &+ UInt64(input) << 32 &+ UInt64(dimension))
            if bits & 1 == 1 { text.append(UInt8(ascii: "-")) }
            // 0.1 and five more digits: six after the point, none of them a leading zero to write.
            text.append("0.1")
            text.appendDecimal(10_000 + Int(bits >> 8 % 90_000))
        }
        text.append("]}")
    }

    /// SplitMix64's finaliser.
    static func mixed(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    /// Eight bytes at a time; equal bytes and seed give equal hashes, on every machine of one byte order.
    private static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var hash = mixed(seed &+ UInt64(bytes.count))
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
            offset += 8
        }
        while offset < bytes.count {
            hash = (hash ^ UInt64(bytes[offset])) &* 0x100_0000_01b3
            offset += 1
        }
        return mixed(hash)
    }

    private static let words: [StaticString] = [
        "answer", "batch", "bridge", "bright", "calm", "careful", "cloud", "coast", "deep", "early", "evening", "fair",
        "field", "first", "forest", "gentle", "glass", "green", "harbour", "hidden", "hill", "island", "journey",
        "kind",
        "lantern", "large", "late", "letter", "light", "little", "long", "meadow", "mild", "morning", "narrow", "near",
        "north", "open", "orchard", "paper", "patient", "plain", "quiet", "queue", "rain", "river", "road", "round",
        "salt", "season", "second", "silver", "slow", "small", "snow", "south", "steady", "stone", "summer", "tide",
        "tower", "valley", "window", "winter",
    ]
}
