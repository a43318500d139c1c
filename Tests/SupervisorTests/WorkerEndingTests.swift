import Fleet
import Glibc
import Lifeline
import Subprocess
import Testing

@testable import Supervisor

struct WorkerEndingTests {
    @Test(arguments: WorkerExit.allCases)
    func `an exit means what the worker says by it`(exit: WorkerExit) {
        let ending = WorkerEnding(.exited(exit.rawValue), lastMessage: "the end")
        #expect(ending.exitStatus == exit.rawValue)
        #expect(ending.signal == nil)
        #expect(ending.isOrderly == (exit == .drained || exit == .memoryDrained))
        #expect(ending.chargesJobs == (exit == .hung || exit == .memoryLimit))
        #expect(ending.isConfigurationFault == (exit == .usage || exit == .backendRefused))
        #expect(ending.cause.hasPrefix("exited: \(exit)"))
    }

    @Test(arguments: [SIGHUP, SIGINT, SIGTERM])
    func `to be told twice is an end from outside, which charges nobody`(signal: Int32) {
        let ending = WorkerEnding(.exited(128 + signal), lastMessage: "The worker drains.")
        #expect(!ending.chargesJobs && !ending.isOrderly && !ending.isConfigurationFault)
        #expect(WorkerExit(rawValue: 128 + signal) != nil && ending.cause.hasSuffix(": The worker drains."))
    }

    @Test func `whoever ends the process with a status of its own is to blame`() {
        let ending = WorkerEnding(.exited(3), lastMessage: "no such thing")
        #expect(ending.cause == "exited with status 3: no such thing")
        #expect(ending.chargesJobs && !ending.isOrderly && !ending.isConfigurationFault)
    }

    @Test(arguments: [SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP])
    func `a crash charges the jobs that had started`(signal: Int32) {
        let ending = WorkerEnding(.signaled(signal), lastMessage: "")
        #expect(ending.chargesJobs && ending.signal == signal && ending.exitStatus == nil)
        #expect(ending.cause.contains("SIG"))
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGHUP, SIGINT, SIGPIPE])
    func `a signal from outside charges nobody`(signal: Int32) {
        #expect(!WorkerEnding(.signaled(signal), lastMessage: "").chargesJobs)
    }
}
