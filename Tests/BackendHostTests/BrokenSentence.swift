import BackendHost
import Testing

/// A definition for `broken.c.txt`, and what has to be found when it is compiled with it.
struct BrokenSentence: Sendable, CustomTestStringConvertible {
    let definition: String
    let check: String
    let rule: HeaderRule
    /// Whether the check ends by its time limit only.
    let hangs: Bool

    init(_ definition: String, _ check: String, _ rule: HeaderRule, hangs: Bool = false) {
        self.definition = definition
        self.check = check
        self.rule = rule
        self.hangs = hangs
    }

    var testDescription: String { "\(definition) fails \(check)" }

    static let all = [
        BrokenSentence("EXPORTS", "exports", .symbols), BrokenSentence("MAJOR=9", "loads", .version),
        BrokenSentence("NO_CANCEL", "loads", .table), BrokenSentence("ENTRY_LOGS", "entry", .entry),
        BrokenSentence("REFUSES_NEWER", "newer-minor", .growth), BrokenSentence("READS_PAST", "host-size", .sizes),
        BrokenSentence("READS_OTHER_MAJOR", "other-major", .sizes),
        BrokenSentence("ECHOES_MAJOR", "other-major", .ownVersion),
        BrokenSentence("UNWELL", "starts", .health), BrokenSentence("NO_INSTANCE", "starts", .create),
        BrokenSentence("HANGS_AT_START", "starts", .create, hangs: true),
        BrokenSentence("TAKES_ANY_CONFIG", "bad-config", .unknownKeys),
        BrokenSentence("NO_SENTENCE", "bad-config", .create), BrokenSentence("FATAL_CONFIG", "bad-config", .create),
        BrokenSentence("EMPTY_CRASHES", "empty-config", .emptyConfiguration),
        BrokenSentence("ANSWERS_HALF", "answers", .answer), BrokenSentence("CRASHES", "answers", .answer),
        BrokenSentence("PRINTS", "answers", .output), BrokenSentence("FRAMES_CHUNKS", "chunks", .chunk),
        BrokenSentence("SENDS_NO_CHUNKS", "chunks", .chunk),
        BrokenSentence("STREAM_WITHOUT_ANSWER", "chunks", .wholeAnswer),
        BrokenSentence("TAKES_ANY_KIND", "kinds", .kinds), BrokenSentence("REFUSES_AND_ANSWERS", "kinds", .refusal),
        BrokenSentence("TAKES_ANY_BODY", "bodies", .bodies), BrokenSentence("NULL_BODY", "bodies", .bodies),
        BrokenSentence("ECHOES_BYTES", "utf8", .unicode), BrokenSentence("HUGE_CRASHES", "huge-bodies", .bodies),
        BrokenSentence("HUGE_IS_FATAL", "huge-bodies", .bodies),
        BrokenSentence("LOSES_FINALS", "final-never", .finalDue, hangs: true),
        BrokenSentence("DOUBLE_FINAL", "double-final", .oneFinal),
        BrokenSentence("LATE_CHUNK", "late-chunk", .chunkOrder),
        BrokenSentence("UNKNOWN_CANCEL_CRASHES", "cancel-before", .cancelUnknown),
        BrokenSentence("CANCELLED_IS_LOST", "cancel-during", .cancel, hangs: true),
        BrokenSentence("CANCELLED_IS_FAILURE", "cancel-during", .cancel),
        BrokenSentence("CANCEL_ENDS_AGAIN", "cancel-after", .cancelUnknown),
        BrokenSentence("FEW_AT_ONCE", "concurrent", .concurrency),
        BrokenSentence("UNWELL_UNDER_LOAD", "reports", .health), BrokenSentence("BAD_HEALTH", "reports", .health),
        BrokenSentence("BAD_STATS", "reports", .statistics), BrokenSentence("SLOW_HEALTH", "reports", .healthAtOnce),
        BrokenSentence("TALKS_AFTER_DESTROY", "destroy", .destroy),
        BrokenSentence("DESTROY_HANGS", "destroy", .destroySoon, hangs: true),
        BrokenSentence("HANDLES_SIGNALS", "process", .process), BrokenSentence("FORKS", "process", .process),
        BrokenSentence("ENDS_PROCESS", "process", .process), BrokenSentence("LEAKS", "growth", .memory),
    ]
}
