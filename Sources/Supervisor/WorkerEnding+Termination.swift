import Fleet
import Glibc
import Lifeline
import Subprocess

extension WorkerEnding {
    /// Signals a process sends itself by doing what it must not: its jobs are to blame. A SIGKILL comes from outside (an
    /// operator, the kernel short of memory), and blames nobody.
    static let crashSignals: Set<Int32> = [SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP]

    /// How a process ended that ended with `status`, having written `lastMessage` last.
    init(_ status: TerminationStatus, lastMessage: String) {
        switch status {
        case .exited(let code):
            let known = WorkerExit(rawValue: code)
            self.init(known.map { "exited: \($0)" } ?? "exited with status \(code)")
            exitStatus = code
            isOrderly = known == .drained || known == .memoryDrained
            // A status that is none of ours: the backend, or what it calls, ended the process.
            chargesJobs = known?.chargesJobs ?? true
            isConfigurationFault = known?.isConfigurationFault == true
            if !isOrderly && !lastMessage.isEmpty { cause += ": \(lastMessage.prefix(300))" }
        case .signaled(let number):
            self.init("ended by signal \(number) (\(Self.name(ofSignal: number)))")
            signal = number
            chargesJobs = Self.crashSignals.contains(number)
        }
    }

    private static func name(ofSignal number: Int32) -> String {
        switch number {
        case SIGSEGV: "SIGSEGV"
        case SIGABRT: "SIGABRT"
        case SIGBUS: "SIGBUS"
        case SIGILL: "SIGILL"
        case SIGFPE: "SIGFPE"
        case SIGTRAP: "SIGTRAP"
        case SIGKILL: "SIGKILL"
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGHUP: "SIGHUP"
        default: "signal \(number)"
        }
    }
}
