/// Of which jobs there was news lately, so that what comes between a look and the wait after it is not missed. Pure.
///
/// Bounded: what it has forgotten counts as news, which costs whoever asks one look too many.
struct NewsLog: Sendable {
    private static let remembered = 8_192

    /// How much news there was: the mark of this moment.
    private(set) var count = 0
    private var latest: [Int64: Int] = [:]
    private var before: [Int64: Int] = [:]
    /// The mark at which `latest` begins.
    private var begin = 0
    /// What came up to this mark is not known any more.
    private var forgotten = 0

    /// There is news of `job`.
    mutating func came(of job: Int64) {
        count += 1
        if latest.count >= Self.remembered {
            (before, latest) = (latest, [:])
            (forgotten, begin) = (begin, count - 1)
        }
        latest[job] = count
    }

    /// There may be news of every job.
    mutating func cameOfAll() {
        count += 1
        (before, latest) = ([:], [:])
        (forgotten, begin) = (count, count)
    }

    /// Whether there was, or may have been, news of `job` after `mark`.
    func isThere(of job: Int64, since mark: Int) -> Bool {
        mark < forgotten || (latest[job] ?? before[job] ?? 0) > mark
    }
}
