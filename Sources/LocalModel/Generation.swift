import BackendKit

/// One answer while it is being written: what came out of the model so far, and whether that is the end.
///
/// Made by the request's task, then used by the decode thread alone.
final class Generation: @unchecked Sendable {
    /// What an answer came to.
    struct Outcome: Sendable {
        var text: [UInt8] = []
        var finish = Finish.stop
        /// Tokens of the answer, without the one that says it is over.
        var tokens = 0
        var scores: [TokenScore] = []
        /// Tokens of the prompt that did not have to be read.
        var reused = 0
    }

    enum Finish: String, Sendable {
        case stop, length
    }

    /// What the generation is told to do.
    struct Plan: Sendable {
        var prompt: [Int32]
        /// nil: the likeliest token.
        var sampler: LlamaSampler?
        var stops: [String] = []
        var maximumTokens = Int.max
        var ignoresEnd = false
        var logprobs: Int?
    }

    let id: UInt64
    let plan: Plan
    private(set) var outcome = Outcome()
    /// Called with the range of the text and of the scores that are new, when there are any.
    private let onText: (@Sendable (ArraySlice<UInt8>, ArraySlice<TokenScore>) -> Void)?
    private var assembler = UTF8Assembler()
    private var matcher: StopMatcher
    private var assembled: [UInt8] = []
    private var told = (text: 0, scores: 0)

    init(id: UInt64, _ plan: Plan, onText: (@Sendable (ArraySlice<UInt8>, ArraySlice<TokenScore>) -> Void)?) {
        self.id = id
        self.plan = plan
        self.onText = onText
        matcher = StopMatcher(plan.stops)
        outcome.text.reserveCapacity(256)
    }

    /// Notes that a part of the prompt was taken over.
    func reused(_ count: Int) { outcome.reused = count }

    /// Takes the next token.
    ///
    /// - Returns: whether it was the last.
    func take(_ token: Int32, _ model: LlamaModel, score: TokenScore?) -> Bool {
        if !plan.ignoresEnd, model.isEnd(token) {
            end(.stop)
            return true
        }
        outcome.tokens += 1
        if var score {
            score.offset = outcome.text.count
            outcome.scores.append(score)
        }
        if matcher.isActive {
            assembled.removeAll(keepingCapacity: true)
            unsafe model.withPiece(of: token) { unsafe assembler.take($0, into: &assembled) }
            if matcher.take(assembled, into: &outcome.text) {
                // What was held back is the stop string: nothing of it is to be told.
                outcome.finish = .stop
                tell()
                return true
            }
        } else {
            unsafe model.withPiece(of: token) { unsafe assembler.take($0, into: &outcome.text) }
        }
        if outcome.tokens >= plan.maximumTokens {
            end(.length)
            return true
        }
        tell()
        return false
    }

    /// There will be no more tokens.
    func end(_ finish: Finish) {
        outcome.finish = finish
        if matcher.isActive {
            assembled.removeAll(keepingCapacity: true)
            assembler.finish(into: &assembled)
            if matcher.take(assembled, into: &outcome.text) { outcome.finish = .stop }
            matcher.finish(into: &outcome.text)
        } else {
            assembler.finish(into: &outcome.text)
        }
        tell()
    }

    private func tell() {
        guard let onText, told.text < outcome.text.count else { return }
        onText(outcome.text[told.text...], outcome.scores[told.scores...])
        told = (outcome.text.count, outcome.scores.count)
    }
}
