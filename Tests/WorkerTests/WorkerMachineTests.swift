import Queue
import Testing

@testable import Worker

struct WorkerMachineTests {
    @Test func `an idle worker claims for its free slots`() {
        var machine = WorkerMachine.sample(slots: 3)
        #expect(machine.wantsClaim && machine.beginClaim() == 3)
    }

    @Test func `one claim at a time`() {
        var machine = WorkerMachine.sample()
        #expect(machine.beginClaim() != nil && machine.beginClaim() == nil)
        machine.claimFailed()
        #expect(machine.beginClaim() != nil)
    }

    @Test func `with every slot taken it claims nothing`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1), .sample(2))
        #expect(machine.startNext(at: .zero)?.id == 1 && machine.startNext(at: .zero)?.id == 2)
        #expect(machine.startNext(at: .zero) == nil)
        #expect(machine.beginClaim() == nil)
    }

    @Test func `after a short claim it waits to be told`() {
        var machine = WorkerMachine.sample()
        _ = machine.beginClaim()
        _ = machine.claimReturned([], asked: 2, latency: .zero, at: .zero)
        #expect(machine.shouldWait && machine.wantsClaim)
        machine.waitsForWork = true
        #expect(!machine.wantsClaim)
        machine.waitsForWork = false
        #expect(machine.beginClaim() == 2)
    }

    @Test func `with no room after a short claim, a slot that comes free is a reason to look`() {
        var machine = WorkerMachine.sample()
        _ = machine.beginClaim()
        _ = machine.claimReturned([.sample(1), .sample(2)], asked: 3, latency: .zero, at: .zero)
        _ = machine.startNext(at: .zero)
        _ = machine.startNext(at: .zero)
        #expect(machine.shouldWait && !machine.wantsClaim && machine.beginClaim() == nil)
        #expect(machine.ended(1, at: .zero) != nil)
        #expect(machine.wantsClaim)
    }

    @Test func `ends the database has not taken leave no room for more`() {
        var limits = WorkerMachine.Limits(slots: 2, attemptTimeout: .seconds(60))
        (limits.buffer, limits.ends) = (0, 0)
        var machine = WorkerMachine(limits: limits)
        machine.claim(.sample(1), .sample(2))
        for job: Int64 in [1, 2] {
            _ = machine.startNext(at: .zero)
            #expect(machine.ended(job, at: .zero) != nil)
        }
        #expect(!machine.wantsClaim && machine.beginClaim() == nil)
        machine.finished([1, 2])
        #expect(machine.wantsClaim)
    }

    @Test func `a job is held from its claim until its end is stored`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        #expect(machine.heldJobs == [1] && machine.hasWaitingJobs && !machine.isIdle)
        _ = machine.startNext(at: .zero)
        #expect(machine.ended(1, at: .zero)?.job.id == 1)
        #expect(machine.heldJobs == [1])
        machine.finished([1])
        #expect(machine.heldJobs == [] && machine.isIdle)
    }

    @Test func `a job ends once`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        #expect(machine.ended(1, at: .zero) == nil)
        _ = machine.startNext(at: .zero)
        #expect(machine.ended(1, at: .zero) != nil && machine.ended(1, at: .zero) == nil)
        #expect(machine.ended(99, at: .zero) == nil)
    }

    @Test func `a job that came back before its last end was stored is a new one`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        _ = machine.startNext(at: .zero)
        _ = machine.ended(1, at: .zero)
        machine.claim(.sample(1, attempt: 2))
        machine.finished([1])
        #expect(machine.heldJobs == [1] && machine.startNext(at: .zero)?.attempt == 2)
    }

    // MARK: Leases the database forgot

    @Test func `what runs and is leased again is not started again, and takes the new lease over`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1, deadline: 3000))
        _ = machine.startNext(at: .zero)
        _ = machine.beginClaim()
        let same = machine.claimReturned([.sample(1, deadline: 2000)], asked: 1, latency: .zero, at: .seconds(1))
        #expect(same.isEmpty && machine.startNext(at: .seconds(1)) == nil)
        _ = machine.beginClaim()
        let other = machine.claimReturned([.sample(1, attempt: 2)], asked: 1, latency: .zero, at: .seconds(1))
        #expect(other == [1] && machine.startNext(at: .seconds(1)) == nil && machine.heldJobs == [1])
        // It has as long as it had when it was started.
        #expect(machine.timePassed(.milliseconds(2999)) == [])
        #expect(machine.timePassed(.seconds(3)) == [1])
        #expect(machine.ended(1, at: .seconds(3))?.job.attempt == 2)
        #expect(machine.ended(1, at: .seconds(3)) == nil)
        #expect(machine.finished([.ended(1, attempt: 2)], refused: []).isEmpty)
        // Both slots are free.
        #expect(machine.isIdle && machine.beginClaim() == 2)
    }

    @Test func `what waits and is leased again is started once`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        machine.claim(.sample(1, attempt: 2))
        #expect(machine.startNext(at: .zero)?.attempt == 2 && machine.startNext(at: .zero) == nil)
    }

    @Test func `an end that was refused for a lease before is sent once more`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        _ = machine.startNext(at: .zero)
        _ = machine.ended(1, at: .zero)
        machine.claim(.sample(1))
        #expect(machine.startNext(at: .zero) == nil)
        let refused = [RefusedAttempt(job: 1, attempt: 1)]
        #expect(machine.finished([.ended(1)], refused: refused).map(\.job) == [1] && machine.heldJobs == [1])
        #expect(machine.finished([.ended(1)], refused: refused).isEmpty && machine.heldJobs == [])
    }

    @Test func `an end that was taken is the end of the lease after it, too`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        _ = machine.startNext(at: .zero)
        _ = machine.ended(1, at: .zero)
        machine.claim(.sample(1))
        #expect(machine.finished([.ended(1)], refused: []).isEmpty && machine.isIdle)
    }

    @Test func `a job that was given back and came again while others ran is started once`() {
        var machine = WorkerMachine.sample(slots: 3)
        machine.claim(.sample(1), .sample(2))
        _ = machine.startNext(at: .zero)
        _ = machine.heartbeatReplied(WorkerMachine.reply(cancelled: [2]), at: .zero)
        machine.finished([2])
        machine.claim(.sample(2, attempt: 2))
        #expect(machine.startNext(at: .zero)?.id == 2 && machine.startNext(at: .zero) == nil)
    }

    // MARK: Stopping

    @Test func `a running job is stopped when its owner cancels it`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        _ = machine.startNext(at: .zero)
        #expect(machine.heartbeatReplied(WorkerMachine.reply(cancelled: [1]), at: .zero).stop == [1])
        // Told once.
        #expect(machine.heartbeatReplied(WorkerMachine.reply(cancelled: [1]), at: .zero).stop == [])
        #expect(machine.ended(1, at: .zero)?.reason == .cancelled)
    }

    @Test func `a job whose second attempt answered is stopped as overtaken`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1), .sample(2))
        _ = machine.startNext(at: .zero)
        _ = machine.startNext(at: .zero)
        #expect(
            machine.heartbeatReplied(WorkerMachine.reply(cancelled: [1, 2], overtaken: [2]), at: .zero).stop == [1, 2])
        #expect(machine.ended(1, at: .zero)?.reason == .cancelled)
        #expect(machine.ended(2, at: .zero)?.reason == .overtaken)
    }

    @Test func `a job that waits here is given back as cancelled and never started`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1), .sample(2))
        let given = machine.heartbeatReplied(WorkerMachine.reply(cancelled: [1, 99]), at: .zero).giveBack
        #expect(given.map(\.0.id) == [1] && given.first?.1 == .cancelled)
        #expect(machine.startNext(at: .zero)?.id == 2)
    }

    @Test func `at its deadline a job is stopped, at the time of an attempt too`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1, deadline: 3000), .sample(2))
        #expect(machine.timeLeft(of: 1, at: .zero) == .seconds(3) && machine.timeLeft(of: 2, at: .zero) == .seconds(10))
        #expect(machine.timeLeft(of: 1, at: .seconds(4)) == .zero)
        _ = machine.startNext(at: .zero)
        _ = machine.startNext(at: .seconds(1))
        #expect(machine.timePassed(.milliseconds(2999)) == [])
        #expect(machine.timePassed(.seconds(3)) == [1])
        #expect(machine.ended(1, at: .seconds(3))?.reason == .deadline)
        #expect(machine.timePassed(.milliseconds(10_999)) == [])
        #expect(machine.timePassed(.seconds(11)) == [2])
        #expect(machine.ended(2, at: .seconds(11))?.reason == .timeout)
    }

    @Test func `the first reason stands`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1, deadline: 1000))
        _ = machine.startNext(at: .zero)
        #expect(machine.timePassed(.seconds(1)) == [1])
        #expect(machine.heartbeatReplied(WorkerMachine.reply(cancelled: [1]), at: .seconds(1)).stop == [])
        #expect(machine.drainGraceEnded(at: .seconds(1)) == [])
        #expect(machine.ended(1, at: .seconds(1))?.reason == .deadline)
    }

    @Test func `a backend that does not stop in time is hung`() {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1, deadline: 1000), .sample(2))
        _ = machine.startNext(at: .zero)
        _ = machine.timePassed(.seconds(1))
        _ = machine.timePassed(.milliseconds(1999))
        #expect(machine.hung == [])
        _ = machine.timePassed(.seconds(2))
        _ = machine.timePassed(.seconds(3))
        #expect(machine.hung == [1])
        // It claims no more, and what is hung does not keep it from being idle.
        #expect(machine.beginClaim() == nil)
        _ = machine.drainRequested()
        machine.finished([2])
        #expect(machine.isIdle)
        // It stopped after all.
        #expect(machine.ended(1, at: .seconds(4))?.reason == .deadline && machine.hung == [] && !machine.isIdle)
    }

    // MARK: Draining

    @Test func `a draining worker gives back what it has not started and claims no more`() {
        var machine = WorkerMachine.sample(slots: 1)
        machine.claim(.sample(1), .sample(2))
        _ = machine.startNext(at: .zero)
        let given = machine.drainRequested()
        #expect(given.map(\.0.id) == [2] && given.allSatisfy { $0.1 == nil })
        #expect(machine.phase == .draining && machine.beginClaim() == nil && machine.startNext(at: .zero) == nil)
        #expect(machine.drainRequested().map(\.0.id) == [])
        #expect(machine.drainGraceEnded(at: .zero) == [1])
        #expect(machine.ended(1, at: .zero)?.reason == .drain)
        machine.finished([1, 2])
        #expect(machine.isIdle)
    }

    @Test func `it is not idle while a claim is under way`() {
        var machine = WorkerMachine.sample()
        _ = machine.beginClaim()
        _ = machine.drainRequested()
        #expect(!machine.isIdle)
        _ = machine.claimReturned([.sample(1)], asked: 2, latency: .zero, at: .zero)
        #expect(machine.drainRequested().map(\.0.id) == [1])
        machine.finished([1])
        #expect(machine.isIdle)
    }

    @Test(arguments: [HeartbeatReply.Wanted.drain, .exit])
    func `the database may tell it to drain`(wanted: HeartbeatReply.Wanted) {
        var machine = WorkerMachine.sample()
        machine.claim(.sample(1))
        #expect(machine.heartbeatReplied(WorkerMachine.reply(wanted), at: .zero).giveBack.map(\.0.id) == [1])
        #expect(machine.phase == .draining)
    }

    // MARK: Suspects

    @Test func `for suspects it empties itself first`() {
        var machine = WorkerMachine.sample(slots: 1)
        machine.claim(.sample(1), .sample(2))
        _ = machine.startNext(at: .zero)
        #expect(machine.heartbeatReplied(WorkerMachine.reply(suspects: true), at: .zero).giveBack.map(\.0.id) == [2])
        #expect(machine.phase == .gathering && machine.beginClaim() == nil && machine.beginSuspectClaim() == false)
        _ = machine.ended(1, at: .zero)
        machine.finished([1])
        #expect(machine.phase == .gathering)
        machine.finished([2])
        #expect(machine.phase == .alone && machine.beginClaim() == nil)
    }

    @Test func `alone it runs one suspect at a time, until none is left`() {
        var machine = WorkerMachine.sample()
        _ = machine.heartbeatReplied(WorkerMachine.reply(suspects: true), at: .zero)
        #expect(machine.phase == .alone)
        #expect(machine.beginSuspectClaim() && machine.beginSuspectClaim() == false)
        machine.suspectClaimed(.sample(7), at: .zero)
        #expect(machine.beginSuspectClaim() == false && machine.startNext(at: .zero)?.id == 7)
        _ = machine.heartbeatReplied(WorkerMachine.reply(suspects: true), at: .zero)
        #expect(machine.phase == .alone)
        _ = machine.ended(7, at: .zero)
        #expect(machine.beginSuspectClaim() == false)
        machine.finished([7])
        #expect(machine.beginSuspectClaim() == true)
        machine.suspectClaimed(nil, at: .zero)
        #expect(machine.phase == .running && machine.beginClaim() == 2)
    }

    @Test func `a claim that was under way when suspects came is run first`() {
        var machine = WorkerMachine.sample()
        _ = machine.beginClaim()
        _ = machine.heartbeatReplied(WorkerMachine.reply(suspects: true), at: .zero)
        #expect(machine.beginSuspectClaim() == false)
        _ = machine.claimReturned([.sample(1)], asked: 2, latency: .zero, at: .zero)
        #expect(machine.beginSuspectClaim() == false)
        _ = machine.startNext(at: .zero)
        _ = machine.ended(1, at: .zero)
        machine.finished([1])
        #expect(machine.beginSuspectClaim() == true)
    }

    @Test func `a suspect that came while it was told to drain is given back`() {
        var machine = WorkerMachine.sample()
        _ = machine.heartbeatReplied(WorkerMachine.reply(suspects: true), at: .zero)
        _ = machine.beginSuspectClaim()
        _ = machine.drainRequested()
        machine.suspectClaimed(.sample(7), at: .zero)
        #expect(machine.heldJobs == [7] && machine.drainRequested().map(\.0.id) == [7])
    }

    @Test func `a failed look for suspects may be repeated`() {
        var machine = WorkerMachine.sample()
        _ = machine.heartbeatReplied(WorkerMachine.reply(suspects: true), at: .zero)
        _ = machine.beginSuspectClaim()
        machine.claimFailed()
        #expect(machine.phase == .alone && machine.beginSuspectClaim())
    }
}
