import BackendKit
import JSONText

/// The mock's configuration; README.md says what each key means.
struct MockConfiguration: Sendable {
    var latency = MockLatency()
    var perToken = Duration.zero
    var completionTokens = 12
    var embeddingDimensions = 8
    var seed = 0
    var errors = MockRates<BackendFailure.Class>()
    var retryAfterMilliseconds = 1_000
    var faults = MockRates<MockFault>()
    var leakBytes = 65_536
    var obeysMarkers = false
    var stampsAnswers = false
    var startMilliseconds = 0
    var refuseStart: String?
    var health = ServiceHealth.State.well
    var healthMilliseconds = 0

    static let keys = [
        "latency_ms", "latency_distribution", "latency_deviation_ms", "latency_per_token_ms", "completion_tokens",
        "embedding_dimensions", "seed", "errors", "retry_after_ms", "faults", "leak_bytes", "markers", "stamps",
        "start_ms", "refuse_start", "health", "health_ms",
    ]

    /// Whether a request without markers needs neither waiting nor drawing.
    var isImmediate: Bool {
        latency.meanMilliseconds == 0 && latency.deviationMilliseconds == 0 && perToken == .zero && errors.isEmpty
            && faults.isEmpty
    }

    /// Reads a configuration, empty or a JSON object; every mistake is refused with a sentence that names the key.
    init(parsing bytes: [UInt8]) throws {
        guard !bytes.isEmpty else { return }
        guard case .object(let members)? = JSONValue(parsing: bytes) else {
            throw BackendFailure(.invalidRequest, "the mock's configuration is not a JSON object")
        }
        for member in members { try set(member.key, to: member.value) }
    }

    private mutating func set(_ key: String, to value: JSONValue) throws {
        switch key {
        case "latency_ms": latency.meanMilliseconds = try number(key, value, in: 0...3_600_000)
        case "latency_distribution":
            latency.distribution = try word(key, value, MockLatency.Distribution.allCases.map { ($0.rawValue, $0) })
        case "latency_deviation_ms": latency.deviationMilliseconds = try number(key, value, in: 0...3_600_000)
        case "latency_per_token_ms":
            perToken = .microseconds(Int64(try number(key, value, in: 0...60_000) * 1_000))
        case "completion_tokens": completionTokens = try integer(key, value, in: 0...100_000)
        case "embedding_dimensions": embeddingDimensions = try integer(key, value, in: 1...4_096)
        case "seed": seed = try integer(key, value, in: -(1 << 52)...(1 << 52))
        case "errors":
            errors = try rates(key, value, BackendFailure.Class.allCases.map { ($0.word, $0) })
        case "retry_after_ms": retryAfterMilliseconds = try integer(key, value, in: 0...86_400_000)
        case "faults": faults = try rates(key, value, MockFault.allCases.map { ($0.rawValue, $0) })
        case "leak_bytes": leakBytes = try integer(key, value, in: 1...(16 << 20))
        case "markers":
            guard case .boolean(let flag) = value else { throw mistake(key, "must be true or false", value) }
            obeysMarkers = flag
        case "stamps":
            guard case .boolean(let flag) = value else { throw mistake(key, "must be true or false", value) }
            stampsAnswers = flag
        case "start_ms": startMilliseconds = try integer(key, value, in: 0...600_000)
        case "refuse_start":
            guard case .string(let sentence) = value else { throw mistake(key, "must be a sentence", value) }
            refuseStart = sentence
        case "health":
            health = try word(
                key,
                value,
                [("well", .well), ("strained", .strained), ("failing", .failing), ("unusable", .unusable)]
            )
        case "health_ms": healthMilliseconds = try integer(key, value, in: 0...3_600_000)
        default:
            throw BackendFailure(
                .invalidRequest,
                "the mock does not know the key '\(key)'; it knows \(Self.keys.joined(separator: ", "))"
            )
        }
    }

    private func mistake(_ key: String, _ wish: String, _ value: JSONValue) -> BackendFailure {
        BackendFailure(.invalidRequest, "the mock's '\(key)' \(wish), not \(value.kindName)")
    }

    private func number(_ key: String, _ value: JSONValue, in range: ClosedRange<Double>) throws -> Double {
        guard case .number(let number) = value, range ~= number else {
            throw mistake(key, "must be a number in \(Int(range.lowerBound))...\(Int(range.upperBound))", value)
        }
        return number
    }

    private func integer(_ key: String, _ value: JSONValue, in range: ClosedRange<Int>) throws -> Int {
        guard case .number(let number) = value, let integer = Int(exactly: number), range ~= integer else {
            throw mistake(key, "must be a whole number in \(range.lowerBound)...\(range.upperBound)", value)
        }
        return integer
    }

    private func word<Thing>(_ key: String, _ value: JSONValue, _ words: [(String, Thing)]) throws -> Thing {
        guard case .string(let text) = value, let found = words.first(where: { $0.0 == text }) else {
            throw mistake(key, "must be one of \(words.map(\.0).joined(separator: ", "))", value)
        }
        return found.1
    }

    private func rates<Thing>(_ key: String, _ value: JSONValue, _ words: [(String, Thing)]) throws -> MockRates<Thing>
    {
        guard case .object(let members) = value else { throw mistake(key, "must be an object of rates", value) }
        var rates = MockRates<Thing>()
        for member in members {
            guard let found = words.first(where: { $0.0 == member.key }) else {
                throw BackendFailure(
                    .invalidRequest,
                    "the mock's '\(key)' has no '\(member.key)'; it has \(words.map(\.0).joined(separator: ", "))"
                )
            }
            rates.rates.append((found.1, try number("\(key).\(member.key)", member.value, in: 0...1)))
        }
        guard rates.rates.reduce(0, { $0 + $1.rate }) <= 1.000_001 else {
            throw BackendFailure(.invalidRequest, "the rates in the mock's '\(key)' add up to more than 1")
        }
        return rates
    }
}
