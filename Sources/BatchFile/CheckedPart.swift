/// A part of a batch file in which every line can be sent.
struct CheckedPart: Sendable {
    /// Where its lines begin.
    let range: Range<Int64>
    /// Its requests; line numbers and models count from the part's first.
    let index: BatchIndex
    /// What it has seen.
    let checker: LineChecker
    /// How many lines it has, blank ones included.
    let lines: Int
    /// How far the file was read.
    let bytesRead: Int64

    /// What `parts`, which are the whole file in its order, add up to; nil when they cannot all be sent together, or the
    /// file was changed while they were read.
    static func summary(of parts: [CheckedPart], _ limits: BatchLimits) -> BatchSummary? {
        var summary = BatchSummary()
        var lines = 0
        for (number, part) in parts.enumerated() {
            let earlier = parts[..<number]
            guard !earlier.contains(where: { part.checker.sharesCustomID(with: $0.checker) }) else { return nil }
            var index = part.index
            if number + 1 < parts.count {
                // It read on to the end of its last line, in blocks that are the next part's.
                let own = Int((part.range.upperBound - part.range.lowerBound) / Int64(LineBuffer.blockBytes))
                let others = parts[(number + 1)...].flatMap { $0.index.blocks.prefix(own) }
                guard own <= index.blocks.count, others.starts(with: index.blocks[own...]) else { return nil }
                index.blocks.removeSubrange(own...)
            }
            guard summary.index.append(index, after: lines, limits) else { return nil }
            for (model, count) in zip(part.checker.models, part.checker.counts) {
                summary.models[model, default: 0] += count
            }
            lines += part.lines
            summary.bytes = max(summary.bytes, part.bytesRead)
        }
        summary.kind = summary.index.kind
        return summary.lines == 0 ? nil : summary
    }
}
