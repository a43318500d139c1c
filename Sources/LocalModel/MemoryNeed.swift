/// How much memory a model and its contexts will take, from what is known before they are made.
///
/// An estimate from below: weights and the memory of sequences. Scratch space of a decode comes on top, some tens of
/// mebibytes with small models.
struct MemoryNeed: Sendable, Equatable {
    var weights: UInt64
    var layers: UInt64
    /// Numbers one token leaves in one layer: keys and values.
    var numbersOfToken: UInt64

    /// Bytes with so many sequences of so many tokens, in half precision.
    func bytes(context: Int, sequences: Int) -> UInt64 {
        weights + layers * numbersOfToken * 2 * UInt64(context) * UInt64(sequences)
    }

    /// The sentence that refuses what does not fit into `limit` bytes, nil when it fits.
    func refusal(context: Int, sequences: Int, limit: UInt64) -> String? {
        let need = bytes(context: context, sequences: sequences)
        guard need > limit else { return nil }
        return """
            the model needs \(Self.mebibytes(need)) MiB (\(Self.mebibytes(weights)) for weights, the rest for \(sequences) \
            sequences of \(context) tokens), and memory_limit_mib is \(Self.mebibytes(limit)): lower 'context' or 'sequences', or \
            raise the limit
            """
    }

    static func mebibytes(_ bytes: UInt64) -> UInt64 { (bytes + (1 << 20) - 1) >> 20 }
}
