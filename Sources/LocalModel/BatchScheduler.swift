/// Decides which tokens the next decode takes, so that jobs join and leave a running batch at token boundaries.
///
/// A context has a number of sequences with room for the same number of tokens each; that is the whole memory, and a job
/// waits until a sequence is free. Every text that has begun to answer gets its one token in every step; what is left of
/// the step goes to prompts, in order of arrival, in chunks. So a long prompt delays the others by one step at most.
///
/// It is a pure machine: ask `nextStep`, decode, say `decoded`, then `sampled` or `finish` for each output.
struct BatchScheduler: Sendable {
    /// What there is.
    struct Limits: Sendable, Equatable {
        /// Tokens of one sequence.
        var context: Int
        var sequences: Int
        /// Tokens of one step; at least as many as sequences.
        var batch: Int
        /// The shortest prefix worth taking over; 0: none is.
        var shortestReuse: Int
    }

    /// A text to be generated.
    struct Job: Sendable {
        /// Its number, never used twice.
        var id: UInt64
        var prompt: [Int32]
        /// A job whose prompt is the same and should be waited for, to be copied.
        var twin: UInt64?
    }

    /// Where a job's sequence begins.
    struct Admission: Sendable, Equatable {
        var job: UInt64
        var sequence: Int
        /// The sequence to be copied first, nil when it stays what it is.
        var source: Int?
        /// How many tokens are kept; everything after them is to be forgotten.
        var kept: Int
    }

    /// Tokens of one sequence that go into the step.
    struct Feed: Sendable, Equatable {
        var job: UInt64
        var sequence: Int
        /// Positions in the sequence, which `token(at:of:)` knows.
        var positions: Range<Int>
        /// Whether the last of them is the last that is known: its output is the next token.
        var hasOutput: Bool
    }

    /// What is to be done next.
    struct Step: Sendable {
        var admissions: [Admission] = []
        var feeds: [Feed] = []
        /// Tokens in the feeds.
        var count = 0
    }

    private struct Lane: Sendable {
        var job: UInt64?
        var tokens: [Int32] = []
        /// How many of the tokens are in the context's memory, from the first.
        var stored = 0
        var promptCount = 0
        /// Order of admission, and of the last use when it is free.
        var order: UInt64 = 0
    }

    let limits: Limits
    private var lanes: [Lane]
    private var waiting: [Job] = []
    private var clock: UInt64 = 0
    private var step = Step()

    init(_ limits: Limits) {
        self.limits = limits
        lanes = Array(repeating: Lane(), count: limits.sequences)
    }

    /// Whether there is nothing to do.
    var isIdle: Bool { waiting.isEmpty && lanes.allSatisfy { $0.job == nil } }
    /// Jobs that have a sequence.
    var active: Int { lanes.count { $0.job != nil } }
    /// Jobs that have none yet.
    var waitingCount: Int { waiting.count }
    /// Tokens in memory, of running jobs.
    var used: Int { lanes.reduce(0) { $0 + ($1.job == nil ? 0 : $1.stored) } }

    /// The token at a position of a sequence.
    func token(at position: Int, of sequence: Int) -> Int32 { lanes[sequence].tokens[position] }

    /// Takes a job whose prompt has a token at least and leaves room for one.
    mutating func submit(_ job: Job) {
        precondition(!job.prompt.isEmpty && job.prompt.count < limits.context, "the prompt does not fit")
        waiting.append(job)
    }

    /// Forgets a job, wherever it is; one that is not there any more is no error.
    mutating func cancel(_ id: UInt64) {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            waiting.remove(at: index)
        } else if let sequence = lanes.firstIndex(where: { $0.job == id }) {
            finish(sequence)
        }
    }

    /// The next step; empty when there is nothing to do.
    mutating func nextStep() -> Step {
        step.admissions.removeAll(keepingCapacity: true)
        step.feeds.removeAll(keepingCapacity: true)
        step.count = 0
        if !waiting.isEmpty { admit() }
        for sequence in lanes.indices where lanes[sequence].job != nil {
            if lanes[sequence].tokens.count - lanes[sequence].stored == 1 { feed(sequence, atMost: 1) }
        }
        if step.feeds.count < active {
            let prompts = lanes.indices.filter {
                lanes[$0].job != nil && lanes[$0].tokens.count - lanes[$0].stored > 1
            }
            for sequence in prompts.sorted(by: { lanes[$0].order < lanes[$1].order }) where step.count < limits.batch {
                feed(sequence, atMost: limits.batch - step.count)
            }
        }
        return step
    }

    /// The step was decoded: what it fed is in memory now.
    mutating func decoded(_ step: Step) {
        for feed in step.feeds where lanes[feed.sequence].job == feed.job {
            lanes[feed.sequence].stored = feed.positions.upperBound
        }
    }

    /// The sequence goes on with this token.
    ///
    /// - Returns: false when there is no room for another one: the sequence is to be finished.
    mutating func sampled(_ token: Int32, _ sequence: Int) -> Bool {
        lanes[sequence].tokens.append(token)
        return lanes[sequence].tokens.count < limits.context
    }

    /// The sequence is free; what it holds may be taken over by the next one.
    mutating func finish(_ sequence: Int) {
        clock += 1
        lanes[sequence].tokens.removeSubrange(lanes[sequence].stored...)
        (lanes[sequence].job, lanes[sequence].order) = (nil, clock)
    }

    /// Nothing in memory can be relied on: the decode failed.
    ///
    /// - Returns: the jobs that had a sequence, which they lose.
    mutating func forgetAll() -> [UInt64] {
        let jobs = lanes.compactMap(\.job)
        lanes = Array(repeating: Lane(), count: limits.sequences)
        return jobs
    }

    private mutating func feed(_ sequence: Int, atMost count: Int) {
        let lane = lanes[sequence]
        guard let job = lane.job else { return }
        let end = min(lane.stored + count, lane.tokens.count)
        step.feeds.append(
            Feed(
                job: job, sequence: sequence, positions: lane.stored..<end, hasOutput: end == lane.tokens.count))
        step.count += end - lane.stored
    }
}

extension BatchScheduler {
    /// Gives free sequences to waiting jobs, in order; a twin lets others pass while its sibling reads the prompt.
    private mutating func admit() {
        var index = 0
        while index < waiting.count, lanes.contains(where: { $0.job == nil }) {
            if let twin = waiting[index].twin, isReading(twin) {
                index += 1
                continue
            }
            place(waiting.remove(at: index))
        }
    }

    /// Whether the job has still to read its prompt.
    private func isReading(_ id: UInt64) -> Bool {
        if waiting.contains(where: { $0.id == id }) { return true }
        return lanes.contains { $0.job == id && $0.stored < $0.promptCount }
    }

    private mutating func place(_ job: Job) {
        clock += 1
        let (target, source, kept) = choice(for: job.prompt)
        // Of a copy the tokens are what matters, and those are the prompt's own.
        lanes[target] = Lane(job: job.id, tokens: job.prompt, stored: kept, promptCount: job.prompt.count, order: clock)
        step.admissions.append(Admission(job: job.id, sequence: target, source: source, kept: kept))
    }

    /// The sequence for a prompt, and what it begins with.
    ///
    /// The last token of the prompt is always decoded: its output is needed.
    private func choice(for prompt: [Int32]) -> (target: Int, source: Int?, kept: Int) {
        let free = lanes.indices.filter { lanes[$0].job == nil }.sorted { lanes[$0].order < lanes[$1].order }
        guard let oldest = free.first else { preconditionFailure("no sequence is free") }
        guard limits.shortestReuse > 0 else { return (oldest, nil, 0) }
        var best = (sequence: oldest, shared: 0)
        for sequence in lanes.indices {
            let shared = min(Self.shared(lanes[sequence], prompt), prompt.count - 1)
            // Of equals a free one: it need not be copied.
            if shared > best.shared || (shared == best.shared && shared > 0 && lanes[sequence].job == nil) {
                best = (sequence, shared)
            }
        }
        guard best.shared >= limits.shortestReuse else { return (oldest, nil, 0) }
        if lanes[best.sequence].job == nil {
            // Taking it over costs what it holds beyond the prefix; worth a copy when that is the larger part.
            let isMostlyShared = best.shared * 2 >= lanes[best.sequence].stored
            let other = free.first { $0 != best.sequence }
            guard !isMostlyShared, let other else { return (best.sequence, nil, best.shared) }
            return (other, best.sequence, best.shared)
        }
        return (oldest, best.sequence, best.shared)
    }

    private static func shared(_ lane: Lane, _ prompt: [Int32]) -> Int {
        let limit = min(lane.stored, prompt.count)
        var count = 0
        while count < limit, lane.tokens[count] == prompt[count] { count += 1 }
        return count
    }
}
