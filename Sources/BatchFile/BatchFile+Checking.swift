import Glibc
import Synchronization

extension BatchFile {
    /// Bytes a part has at least: a smaller file is checked at once.
    private static let partBytes: Int64 = 4 << 20
    /// How many parts are checked at the same time at most.
    private static let maximumParts = 4

    /// Reads the whole file and reports on it, like `validate()`, but parts of a large one at the same time.
    ///
    /// As soon as anything is wrong it is read from the beginning, in order: what is wrong is always told in the same way.
    /// `progress` is called with the bytes read so far about every MiB, by one part at a time.
    @concurrent
    public func check(
        progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws(BatchFileError) -> BatchSummary {
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let count = min(Int64(Self.maximumParts), Int64(max(1, processors)), size / Self.partBytes)
        if count > 1, let summary = try await checkParts(Int(count), progress) { return summary }
        return try validate(progress: progress)
    }

    /// What there is to say of the file when nothing is wrong with it; nil when something may be.
    func checkParts(
        _ count: Int, _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws(BatchFileError) -> BatchSummary? {
        let read = SharedCount(bound: size)
        let results = await withTaskGroup(of: (Int, Result<CheckedPart?, BatchFileError>).self) { group in
            for (number, range) in ranges(count).enumerated() {
                group.addTask {
                    var (reader, reported) = (BatchReader(self, part: range), range.lowerBound)
                    let result = Result<CheckedPart?, BatchFileError> { () throws(BatchFileError) in
                        try reader.flawlessPart { bytes in
                            read.add(bytes - reported, progress)
                            reported = bytes
                        }
                    }
                    return (number, result)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        var parts: [CheckedPart] = []
        for number in 0..<results.count {
            guard let part = try results[number]?.get() else { return nil }
            parts.append(part)
        }
        return CheckedPart.summary(of: parts, limits)
    }

    /// The file as parts of about the same size, each of whole blocks.
    private func ranges(_ count: Int) -> [Range<Int64>] {
        let block = Int64(LineBuffer.blockBytes)
        let each = max(1, size / block / Int64(count)) * block
        return (0..<Int64(count)).map { $0 * each..<($0 + 1 == count ? .max : ($0 + 1) * each) }
    }
}

/// How much several readers have read.
private final class SharedCount: Sendable {
    /// What is told at most: two parts read the line on their border.
    let bound: Int64
    private let total = Mutex<Int64>(0)

    init(bound: Int64) { self.bound = bound }

    /// Adds to it and tells the sum.
    func add(_ bytes: Int64, _ tell: (Int64) -> Void) {
        total.withLock {
            $0 += bytes
            tell(min($0, bound))
        }
    }
}
