import BackendKit
import JSONText

/// The local backend's configuration; Plugins/LocalBackend/README.md says what each key means.
struct LocalConfiguration: Sendable, Equatable {
    /// How the embeddings of a text's tokens become one.
    enum Pooling: String, CaseIterable, Sendable {
        case model, mean, first, last
    }

    var model = ""
    var library: String?
    /// Tokens of one sequence, prompt and answer together; nil: what the model was trained with, at most 4,096.
    var context: Int?
    /// Texts that are generated at once; nil: the slots of the worker.
    var sequences: Int?
    var batch = 512
    var threads = 1
    var gpuLayers = 0
    var usesMmap = true
    var usesMlock = false
    var memoryLimitMebibytes: Int?
    /// Whether embeddings are answered; nil: when the model is made for them.
    var embeddings: Bool?
    var pooling = Pooling.model
    var normalizes = true
    var chatTemplate: String?
    var maximumTokens: Int?
    var temperature = 1.0
    /// The shortest prefix that is taken over from another text; 0: none is.
    var shortestReuse = 16

    static let keys = [
        "model", "library", "context", "sequences", "batch", "threads", "gpu_layers", "mmap", "mlock",
        "memory_limit_mib",
        "embeddings", "pooling", "normalize", "chat_template", "max_tokens", "temperature", "prefix_reuse",
    ]

    /// Reads a configuration: a JSON object; every mistake is refused with a sentence that names the key.
    init(parsing bytes: [UInt8]) throws(BackendFailure) {
        guard !bytes.isEmpty else { throw Self.withoutModel }
        guard case .object(let members)? = JSONValue(parsing: bytes) else {
            throw BackendFailure(.invalidRequest, "the local backend's configuration is not a JSON object")
        }
        for member in members { try set(member.key, to: member.value) }
        guard !model.isEmpty else { throw Self.withoutModel }
    }

    private static let withoutModel = BackendFailure(
        .invalidRequest, "the local backend needs a 'model', the path of a GGUF file: {\"model\": \"/models/x.gguf\"}")

    private mutating func set(_ key: String, to value: JSONValue) throws(BackendFailure) {
        switch key {
        case "model": model = try text(key, value)
        case "library": library = try text(key, value)
        case "context": context = try integer(key, value, in: 16...4_194_304)
        case "sequences": sequences = try integer(key, value, in: 1...256)
        case "batch": batch = try integer(key, value, in: 16...65_536)
        case "threads": threads = try integer(key, value, in: 1...512)
        case "gpu_layers": gpuLayers = try integer(key, value, in: -1...10_000)
        case "mmap": usesMmap = try flag(key, value)
        case "mlock": usesMlock = try flag(key, value)
        case "memory_limit_mib": memoryLimitMebibytes = try integer(key, value, in: 1...(1 << 30))
        case "embeddings": embeddings = try flag(key, value)
        case "pooling":
            guard let word = Pooling(rawValue: try text(key, value)) else {
                let words = Pooling.allCases.map(\.rawValue).joined(separator: ", ")
                throw BackendFailure(.invalidRequest, "the local backend's 'pooling' must be one of \(words)")
            }
            pooling = word
        case "normalize": normalizes = try flag(key, value)
        case "chat_template": chatTemplate = try text(key, value)
        case "max_tokens": maximumTokens = try integer(key, value, in: 1...4_194_304)
        case "temperature":
            guard case .number(let number) = value, 0...2 ~= number else {
                throw mistake(key, "must be a number in 0...2", value)
            }
            temperature = number
        case "prefix_reuse": shortestReuse = try integer(key, value, in: 0...4_194_304)
        default:
            throw BackendFailure(
                .invalidRequest,
                "the local backend does not know the key '\(key)'; it knows \(Self.keys.joined(separator: ", "))")
        }
    }

    private func mistake(_ key: String, _ wish: String, _ value: JSONValue) -> BackendFailure {
        BackendFailure(.invalidRequest, "the local backend's '\(key)' \(wish), not \(value.kindName)")
    }

    private func text(_ key: String, _ value: JSONValue) throws(BackendFailure) -> String {
        guard case .string(let text) = value, !text.isEmpty, !text.utf8.contains(0) else {
            throw mistake(key, "must be a text", value)
        }
        return text
    }

    private func flag(_ key: String, _ value: JSONValue) throws(BackendFailure) -> Bool {
        guard case .boolean(let flag) = value else { throw mistake(key, "must be true or false", value) }
        return flag
    }

    private func integer(
        _ key: String, _ value: JSONValue, in range: ClosedRange<Int>
    ) throws(BackendFailure) -> Int {
        guard case .number(let number) = value, let integer = Int(exactly: number), range ~= integer else {
            throw mistake(key, "must be a whole number in \(range.lowerBound)...\(range.upperBound)", value)
        }
        return integer
    }
}
