import Domain
import Fleet
import Testing

@testable import Queue
@testable import Worker

struct OutcomeLedgerTests {
    private var ledger = OutcomeLedger()

    private mutating func record(_ errorClass: ErrorClass?, stage: Int32 = 1) -> Bool {
        ledger.record(errorClass, stage: stage, latency: .seconds(1), retryAfter: nil)
    }

    @Test mutating func `stages are told apart, the oldest first, each once`() {
        _ = record(nil)
        _ = record(.retryable)
        _ = record(nil, stage: 2)
        let first = ledger.takeSample()
        #expect(first?.stage == 1 && first?.succeeded == 1 && first?.failed == [.retryable: 1])
        #expect(first?.run == [2, 0, 1, 1] && first?.latencyCounts == [1])
        #expect(ledger.takeSample()?.stage == 2)
        #expect(ledger.takeSample() == nil)
    }

    @Test mutating func `an overtaken attempt is told as a latency and nothing else`() {
        ledger.recordOvertaken(stage: 2, after: .seconds(6))
        #expect(!ledger.isUrgent)
        let sample = ledger.takeSample()
        #expect(sample?.stage == 2 && sample?.succeeded == 0 && sample?.failed == [:] && sample?.run == [0, 0, 0, 0])
        #expect(sample?.latencyCounts == [1])
        #expect(ledger.takeSample() == nil)
    }

    @Test mutating func `what the worker's own breaker has seen is still told`() {
        _ = record(nil)
        #expect(ledger.takeRecent().succeeded == 1)
        #expect(ledger.takeRecent().isEmpty)
        _ = record(nil)
        #expect(ledger.takeSample()?.succeeded == 2)
    }

    @Test(arguments: [
        (ErrorClass?.none, false), (.invalidRequest, false), (.workerLost, false), (.retryable, true), (.auth, true),
        (.overloaded, true),
    ])
    mutating func `only what speaks against the deployment is urgent`(errorClass: ErrorClass?, isUrgent: Bool) {
        #expect(record(errorClass) == isUrgent && ledger.isUrgent == isUrgent)
        _ = ledger.takeSample()
        #expect(!ledger.isUrgent)
    }

    @Test mutating func `of many stages the oldest are forgotten`() {
        for stage in 1...10 { _ = record(nil, stage: Int32(stage)) }
        var stages: [Int32] = []
        while let sample = ledger.takeSample() { stages.append(sample.stage) }
        #expect(stages.last == 10 && stages.count <= OutcomeLedger.maximumStages + 1)
    }

    @Test func `a worker that is held back claims no more than it may, and gives back what waits`() {
        var machine = WorkerMachine.sample(slots: 2)
        machine.claim(.sample(1), .sample(2), .sample(3))
        _ = machine.startNext(at: .zero)
        machine.allowance = 0
        #expect(machine.heldBack().map(\.0.id) == [2, 3])
        #expect(machine.beginClaim() == nil)
        machine.finished([2, 3])
        machine.allowance = 2
        #expect(machine.beginClaim() == 1)
    }
}
