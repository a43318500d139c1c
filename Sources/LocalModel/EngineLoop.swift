import BackendKit
import Glibc

/// What the decode thread does.
///
/// Everything here belongs to that thread.
final class EngineLoop: @unchecked Sendable {
    /// A request whose answers are being written.
    private struct Open {
        var reply: Engine.Reply<[Generation.Outcome]>
        var generations: [UInt64]
        var outcomes: [Generation.Outcome?]
    }

    private let model: LlamaModel
    private let letters: Mailbox<Engine.Letter>
    private let context: LlamaContext?
    private var scheduler: BatchScheduler
    private var embedding: EmbeddingRunner?
    private let gauge: EngineGauge
    private var open: [UInt64: Open] = [:]
    /// By the number of the generation: itself, its request, and which answer it is.
    private var generations: [UInt64: (generation: Generation, request: UInt64, index: Int)] = [:]
    private var outputs: [(sequence: Int, job: UInt64, index: Int32)] = []
    private var received: [Engine.Letter] = []
    /// What to tell requests that ended, when the step they came of was reported, so that who has an answer finds it in the numbers.
    private var replies: [() -> Void] = []

    init(
        _ model: LlamaModel, letters: Mailbox<Engine.Letter>,
        generating: (context: LlamaContext, limits: BatchScheduler.Limits)?, embedding: EmbeddingRunner?,
        _ gauge: EngineGauge
    ) {
        self.model = model
        self.letters = letters
        self.embedding = embedding
        self.gauge = gauge
        context = generating?.context
        let limits = generating?.limits ?? .init(context: 1, sequences: 0, batch: 1, shortestReuse: 0)
        scheduler = BatchScheduler(limits)
    }

    /// Runs until the mailbox is closed; what is open then ends as cancelled.
    func run() {
        while letters.take(&received, waits: scheduler.isIdle && embedding?.isIdle ?? true) {
            for letter in received { read(letter) }
            received.removeAll(keepingCapacity: true)
            if let context, !scheduler.isIdle { step(context) }
            if let done = embedding?.step() {
                let failed = done.failed
                gauge.update { numbers in
                    numbers.embeddedTokens += done.tokens
                    numbers.failures += failed
                    numbers.measured(done.tokens, seconds: done.seconds)
                    numbers.failedSteps = failed > 0 ? numbers.failedSteps + 1 : 0
                }
            }
        }
        for request in open.keys.sorted() { open[request]?.reply.finish(.failure(CancellationError())) }
        embedding?.cancelAll()
    }

    private func read(_ letter: Engine.Letter) {
        switch letter {
        case .generate(let new, let reply):
            open[reply.request] = Open(
                reply: reply, generations: new.map(\.id), outcomes: Array(repeating: nil, count: new.count))
            for (index, generation) in new.enumerated() {
                generations[generation.id] = (generation, reply.request, index)
                // Further answers to a prompt wait for the first to read it, and copy what it read.
                let twin = new[..<index].first { $0.plan.prompt == generation.plan.prompt }
                scheduler.submit(.init(id: generation.id, prompt: generation.plan.prompt, twin: twin?.id))
            }
            gauge.update { $0.requests += 1 }
        case .embed(let items, let reply):
            embedding?.submit(items, reply)
            gauge.update { $0.requests += 1 }
        case .cancel(let request):
            guard let found = open[request] else {
                embedding?.cancel(request)
                return
            }
            gauge.update { $0.cancelled += 1 }
            close(request, found, .failure(CancellationError()))
        }
    }

    private func close(_ request: UInt64, _ found: Open, _ result: Result<[Generation.Outcome], any Error>) {
        open[request] = nil
        for id in found.generations {
            scheduler.cancel(id)
            generations[id] = nil
        }
        found.reply.finish(result)
    }

    private func step(_ context: LlamaContext) {
        let began = Self.now()
        let step = scheduler.nextStep()
        for admission in step.admissions {
            if let source = admission.source { context.copy(source, to: admission.sequence) }
            context.forget(admission.sequence, from: admission.kept)
            generations[admission.job]?.generation.reused(admission.kept)
        }
        context.clearBatch()
        outputs.removeAll(keepingCapacity: true)
        for feed in step.feeds {
            var index: Int32 = -1
            for position in feed.positions {
                index = context.add(
                    scheduler.token(at: position, of: feed.sequence), position: position, sequence: feed.sequence,
                    wantsOutput: feed.hasOutput && position == feed.positions.upperBound - 1)
            }
            if feed.hasOutput { outputs.append((feed.sequence, feed.job, index)) }
        }
        guard context.decode() else { return fail(context) }
        scheduler.decoded(step)
        for output in outputs { sample(context, output.sequence, output.job, output.index) }
        report(step, made: outputs.count, seconds: Self.now() - began)
        for reply in replies { reply() }
        replies.removeAll(keepingCapacity: true)
    }

    private func sample(_ context: LlamaContext, _ sequence: Int, _ job: UInt64, _ index: Int32) {
        guard let (generation, request, _) = generations[job] else { return }
        let token: Int32
        if let sampler = generation.plan.sampler {
            guard let sampled = sampler.sample(context, at: index) else {
                refuse(request, BackendFailure(.retryable, "no token of the model fits the grammar of the request"))
                return
            }
            token = sampled
        } else {
            token = context.bestToken(at: index)
        }
        var score: TokenScore?
        if let count = generation.plan.logprobs, let logits = unsafe context.logits(at: index) {
            score = unsafe TokenScore(of: token, best: count, logits: logits)
        }
        if generation.take(token, model, score: score) {
            scheduler.finish(sequence)
            conclude(job)
        } else if !scheduler.sampled(token, sequence) {
            generation.end(.length)
            scheduler.finish(sequence)
            conclude(job)
        }
    }

    /// A generation has ended; its request has when it was the last.
    private func conclude(_ job: UInt64) {
        guard let (generation, request, index) = generations.removeValue(forKey: job) else { return }
        open[request]?.outcomes[index] = generation.outcome
        guard let found = open[request] else { return }
        let outcomes = found.outcomes.compactMap(\.self)
        guard outcomes.count == found.outcomes.count else { return }
        open[request] = nil
        replies.append { found.reply.finish(.success(outcomes)) }
    }

    private func refuse(_ request: UInt64, _ failure: BackendFailure) {
        guard let found = open[request] else { return }
        gauge.update { $0.failures += 1 }
        close(request, found, .failure(failure))
    }

    /// The decode failed: nobody knows what is in memory, so all of it is forgotten, and what ran is to be tried again.
    private func fail(_ context: LlamaContext) {
        for sequence in 0..<scheduler.limits.sequences { context.forget(sequence, from: 0) }
        let requests = Set(scheduler.forgetAll().compactMap { generations[$0]?.request })
        for request in requests.sorted() { refuse(request, BackendFailure(.retryable, "the model failed to decode")) }
        gauge.update { $0.failedSteps += 1 }
    }

    private func report(_ step: BatchScheduler.Step, made: Int, seconds: Double) {
        let (active, waiting, used) = (scheduler.active, scheduler.waitingCount, scheduler.used)
        let size = scheduler.limits.context * scheduler.limits.sequences
        let reused = step.admissions.reduce(0) { $0 + $1.kept }
        let count = step.count
        gauge.update { numbers in
            numbers.steps += 1
            numbers.stepTokens += count
            numbers.promptTokens += count - made + reused
            numbers.reusedTokens += reused
            numbers.completionTokens += made
            (numbers.active, numbers.waiting, numbers.memoryUsed, numbers.memorySize) = (active, waiting, used, size)
            numbers.batch = count
            numbers.failedSteps = 0
            numbers.measured(made, seconds: seconds)
        }
    }

    static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
