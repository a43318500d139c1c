import Testing

@testable import LocalModel

@Suite struct BatchSchedulerTests {
    private func scheduler(
        context: Int = 64, sequences: Int = 2, batch: Int = 8, shortestReuse: Int = 4
    ) -> BatchScheduler {
        BatchScheduler(
            .init(context: context, sequences: sequences, batch: batch, shortestReuse: shortestReuse))
    }

    private func prompt(_ count: Int, from first: Int32 = 0) -> [Int32] { (0..<Int32(count)).map { first + $0 } }

    /// Decodes a step and continues every output with `token`.
    private func run(_ scheduler: inout BatchScheduler, token: Int32 = 1_000) -> BatchScheduler.Step {
        let step = scheduler.nextStep()
        scheduler.decoded(step)
        for feed in step.feeds where feed.hasOutput { _ = scheduler.sampled(token, feed.sequence) }
        return step
    }

    @Test func aPromptIsReadInChunksBesideWhatAnswers() {
        var scheduler = scheduler()
        scheduler.submit(.init(id: 1, prompt: prompt(3)))
        #expect(run(&scheduler).feeds == [.init(job: 1, sequence: 0, positions: 0..<3, hasOutput: true)])
        scheduler.submit(.init(id: 2, prompt: prompt(12, from: 100)))
        #expect(
            run(&scheduler).feeds == [
                .init(job: 1, sequence: 0, positions: 3..<4, hasOutput: true),
                .init(job: 2, sequence: 1, positions: 0..<7, hasOutput: false),
            ])
        #expect(
            run(&scheduler).feeds == [
                .init(job: 1, sequence: 0, positions: 4..<5, hasOutput: true),
                .init(job: 2, sequence: 1, positions: 7..<12, hasOutput: true),
            ])
        #expect(scheduler.used == 5 + 12)
    }

    @Test func aJobWaitsForASequence() {
        var scheduler = scheduler()
        for id in 1...3 { scheduler.submit(.init(id: UInt64(id), prompt: prompt(2, from: Int32(id) * 100))) }
        #expect(run(&scheduler).admissions.map(\.job) == [1, 2])
        #expect(scheduler.waitingCount == 1)
        scheduler.finish(1)
        #expect(run(&scheduler).admissions == [.init(job: 3, sequence: 1, source: nil, kept: 0)])
    }

    @Test func aCancelledJobIsGoneInTheNextStep() {
        var scheduler = scheduler()
        for id in 1...3 { scheduler.submit(.init(id: UInt64(id), prompt: prompt(2, from: Int32(id) * 100))) }
        _ = run(&scheduler)
        scheduler.cancel(1)
        scheduler.cancel(3)
        scheduler.cancel(77)
        #expect(run(&scheduler).feeds.map(\.job) == [2])
        scheduler.cancel(2)
        #expect(scheduler.isIdle && run(&scheduler).feeds.isEmpty)
    }

    @Test func aPrefixOfAFreeSequenceIsTakenOver() {
        var scheduler = scheduler()
        scheduler.submit(.init(id: 1, prompt: prompt(6)))
        _ = run(&scheduler)
        scheduler.finish(0)
        scheduler.submit(.init(id: 2, prompt: prompt(5) + [900, 901]))
        let step = run(&scheduler)
        #expect(step.admissions == [.init(job: 2, sequence: 0, source: nil, kept: 5)])
        #expect(step.feeds == [.init(job: 2, sequence: 0, positions: 5..<7, hasOutput: true)])
    }

    @Test func aPrefixOfARunningSequenceIsCopied() {
        var scheduler = scheduler()
        scheduler.submit(.init(id: 1, prompt: prompt(6)))
        _ = run(&scheduler)
        scheduler.submit(.init(id: 2, prompt: prompt(6)))
        // The last token is read again: its output is needed.
        #expect(run(&scheduler).admissions == [.init(job: 2, sequence: 1, source: 0, kept: 5)])
    }

    @Test func aShortPrefixIsNotWorthIt() {
        var scheduler = scheduler(shortestReuse: 4)
        scheduler.submit(.init(id: 1, prompt: prompt(3) + [50, 51]))
        _ = run(&scheduler)
        scheduler.submit(.init(id: 2, prompt: prompt(3) + [60, 61]))
        #expect(run(&scheduler).admissions.first?.kept == 0)
    }

    @Test func aTwinWaitsForItsSiblingAndCopiesIt() {
        var scheduler = scheduler(sequences: 4, batch: 8)
        scheduler.submit(.init(id: 1, prompt: prompt(12)))
        scheduler.submit(.init(id: 2, prompt: prompt(12), twin: 1))
        scheduler.submit(.init(id: 3, prompt: prompt(2, from: 500)))
        #expect(run(&scheduler).admissions.map(\.job) == [1, 3])
        #expect(run(&scheduler).admissions.isEmpty)
        #expect(run(&scheduler).admissions == [.init(job: 2, sequence: 2, source: 0, kept: 11)])
        // Of one whose sibling has gone nothing is waited for.
        scheduler.submit(.init(id: 4, prompt: prompt(5, from: 700), twin: 99))
        #expect(run(&scheduler).admissions.map(\.job) == [4])
    }

    @Test func aFullSequenceEnds() {
        var scheduler = scheduler(context: 6)
        scheduler.submit(.init(id: 1, prompt: prompt(4)))
        let step = scheduler.nextStep()
        scheduler.decoded(step)
        let hadRoom = scheduler.sampled(9, 0)
        _ = scheduler.nextStep()
        let hasRoom = scheduler.sampled(9, 0)
        #expect(hadRoom && !hasRoom)
    }

    @Test func aFailedDecodeLosesEverybody() {
        var scheduler = scheduler()
        for id in 1...3 { scheduler.submit(.init(id: UInt64(id), prompt: prompt(6))) }
        _ = run(&scheduler)
        let lost = scheduler.forgetAll()
        #expect(Set(lost) == [1, 2])
        // Nothing that was there is taken over.
        #expect(run(&scheduler).admissions == [.init(job: 3, sequence: 0, source: nil, kept: 0)])
    }

    /// A thousand jobs against a model of the memory: what is fed is always the next of its sequence, a step is never too
    /// large, nobody is fed twice, and everybody ends.
    @Test(arguments: 1...20) func aRandomRunKeepsItsRules(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var scheduler = scheduler(context: 40, sequences: 5, batch: 12, shortestReuse: 2)
        var memory = Array(repeating: [Int32](), count: 5)
        var known: [UInt64: [Int32]] = [:]
        var length: [UInt64: Int] = [:]
        var (submitted, ended) = (UInt64(0), 0)
        for _ in 0..<5_000 where submitted < 60 || !scheduler.isIdle {
            if submitted < 60, Bool.random(using: &generator) {
                submitted += 1
                // Few beginnings, so that prefixes are shared.
                let begin = Int32.random(in: 0...2, using: &generator) * 100
                let tokens = prompt(Int.random(in: 1...30, using: &generator), from: begin)
                known[submitted] = tokens
                length[submitted] = Int.random(in: 1...8, using: &generator)
                let twin = Bool.random(using: &generator) ? submitted - 1 : nil
                scheduler.submit(.init(id: submitted, prompt: tokens, twin: twin == 0 ? nil : twin))
            }
            if Int.random(in: 0..<20, using: &generator) == 0, submitted > 0 {
                let victim = UInt64.random(in: 1...submitted, using: &generator)
                if known.removeValue(forKey: victim) != nil { ended += 1 }
                scheduler.cancel(victim)
            }
            let step = scheduler.nextStep()
            for admission in step.admissions {
                if let source = admission.source { memory[admission.sequence] = memory[source] }
                #expect(memory[admission.sequence].count >= admission.kept)
                memory[admission.sequence].removeSubrange(admission.kept...)
            }
            #expect(step.count == step.feeds.reduce(0) { $0 + $1.positions.count } && step.count <= 12)
            #expect(Set(step.feeds.map(\.sequence)).count == step.feeds.count)
            for feed in step.feeds {
                #expect(feed.positions.lowerBound == memory[feed.sequence].count && !feed.positions.isEmpty)
                for position in feed.positions {
                    memory[feed.sequence].append(scheduler.token(at: position, of: feed.sequence))
                }
                // What is in memory is what the job is made of, wherever it came from.
                #expect(memory[feed.sequence] == known[feed.job].map { Array($0[..<feed.positions.upperBound]) })
            }
            scheduler.decoded(step)
            for feed in step.feeds where feed.hasOutput {
                let token = Int32.random(in: 0...200, using: &generator)
                known[feed.job]?.append(token)
                length[feed.job]? -= 1
                let hasRoom = scheduler.sampled(token, feed.sequence)
                if !hasRoom || length[feed.job] == 0 {
                    scheduler.finish(feed.sequence)
                    known[feed.job] = nil
                    ended += 1
                }
            }
        }
        #expect(scheduler.isIdle && ended == 60 && known.isEmpty)
    }
}
