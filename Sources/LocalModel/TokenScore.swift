import Glibc

/// How likely a token was, and which others were.
struct TokenScore: Sendable, Equatable {
    var token: Int32
    /// Natural logarithm of the probability, before temperature and the like.
    var logarithm: Double
    /// The likeliest tokens, likeliest first.
    var best: [Alternative]
    /// How many bytes of text there were before it.
    var offset = 0

    struct Alternative: Sendable, Equatable {
        var token: Int32
        var logarithm: Double
    }

    init(of token: Int32, best count: Int, logits: UnsafeBufferPointer<Float>) {
        let largest = unsafe logits.max() ?? 0
        let sum = unsafe logits.reduce(0.0) { $0 + exp(Double($1 - largest)) }
        let norm = Double(largest) + log(sum)
        self.token = token
        logarithm = unsafe Double(logits[Int(token)]) - norm
        // Few are wanted of many: a sorted list of the best so far.
        var best: [Alternative] = []
        guard count > 0 else {
            self.best = []
            return
        }
        for index in logits.indices {
            let value = unsafe Double(logits[index])
            if best.count == count, let last = best.last, value <= last.logarithm { continue }
            let place = best.firstIndex { $0.logarithm < value } ?? best.count
            best.insert(Alternative(token: Int32(index), logarithm: value), at: place)
            if best.count > count { best.removeLast() }
        }
        self.best = best.map { Alternative(token: $0.token, logarithm: $0.logarithm - norm) }
    }
}
