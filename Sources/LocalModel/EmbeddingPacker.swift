/// Puts texts to be embedded into batches: whole texts, in order, as many as fit.
struct EmbeddingPacker: Sendable {
    /// A text of a request.
    struct Item: Sendable {
        var request: UInt64
        var index: Int
        var tokens: [Int32]
    }

    /// Tokens of one batch.
    let tokens: Int
    /// Texts of one batch.
    let texts: Int
    private var waiting: [Item] = []
    /// Where the first waiting item is; the ones before it are removed now and then.
    private var first = 0

    init(tokens: Int, texts: Int) {
        self.tokens = tokens
        self.texts = texts
    }

    var isEmpty: Bool { first == waiting.count }
    /// Texts that wait.
    var count: Int { waiting.count - first }

    /// Takes a text of at least one and at most `tokens` tokens.
    mutating func submit(_ item: Item) {
        precondition(!item.tokens.isEmpty && item.tokens.count <= tokens, "the text does not fit")
        waiting.append(item)
    }

    /// Forgets all texts of a request.
    mutating func cancel(_ request: UInt64) { waiting[first...].removeAll { $0.request == request } }

    /// The next batch; empty when there is nothing to do.
    mutating func next() -> [Item] {
        var room = tokens
        var end = first
        while end < waiting.count, end - first < texts, waiting[end].tokens.count <= room {
            room -= waiting[end].tokens.count
            end += 1
        }
        let batch = Array(waiting[first..<end])
        first = end
        if first > 1_024 || first == waiting.count {
            waiting.removeFirst(first)
            first = 0
        }
        return batch
    }
}
