public import Domain

/// What a batch file holds.
public struct BatchSummary: Sendable, Hashable {
    /// The lines that passed every check.
    public internal(set) var index = BatchIndex()
    /// How many lines passed every check.
    public var lines: Int { index.count }
    /// Lines that did not; a file without any request counts as one.
    public internal(set) var problemCount = 0
    /// The first of the problems, in the order of the file; as many as `BatchLimits.maximumListedProblems`.
    public internal(set) var problems: [BatchProblem] = []
    /// What the file asks for; nil when no line said.
    public internal(set) var kind: JobKind?
    /// How many of `lines` name each model.
    public internal(set) var models: [String: Int] = [:]
    /// How much was read.
    public internal(set) var bytes: Int64 = 0
    /// Whether every line can be sent.
    public var isValid: Bool { problemCount == 0 }

    init() {}
}
