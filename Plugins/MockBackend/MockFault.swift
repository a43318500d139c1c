import BackendKit

/// How the mock can misbehave.
enum MockFault: String, CaseIterable, Sendable {
    case crash, segv, hang, leak, garbage
    case ignoreCancel = "ignore_cancel"
    case doubleFinal = "double_final"
    case lateChunk = "late_chunk"
}

extension BackendFailure.Class {
    /// The word of the class, as in SQL and HTTP.
    var word: String {
        switch self {
        case .retryable: "retryable"
        case .rateLimited: "rate_limited"
        case .invalidRequest: "invalid_request"
        case .auth: "auth"
        case .unsupported: "unsupported"
        case .overloaded: "overloaded"
        case .fatal: "fatal"
        }
    }

    init?(word: some StringProtocol) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

/// Things that happen at a rate each; together at most always.
struct MockRates<Thing: Sendable>: Sendable {
    var rates: [(thing: Thing, rate: Double)] = []

    var isEmpty: Bool { rates.allSatisfy { $0.rate == 0 } }

    /// At most one of the things; draws a number only if there are any.
    func pick(_ draw: () -> Double) -> Thing? {
        guard !isEmpty else { return nil }
        var left = draw()
        for (thing, rate) in rates {
            if left < rate { return thing }
            left -= rate
        }
        return nil
    }
}
