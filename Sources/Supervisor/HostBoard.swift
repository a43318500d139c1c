import Fleet
import Queue
import Synchronization

/// Where the main loop and the keeper of the host tell each other how far they are: which processes there are, and which
/// of what is wanted is being done.
final class HostBoard: Sendable {
    private struct State {
        var processes: [HostedProcesses] = []
        var incarnation: Int64?
        var isLeaving = false
        /// How many lists of what is wanted were handed to the main loop, and how many it has acted on.
        var told = 0
        var done = 0
        var look: (@Sendable () -> Void)?
        var dones: AsyncStream<Int>.Continuation?
    }

    private let state = Mutex(State())

    /// The processes there are, those included that are being started or ended.
    var processes: [HostedProcesses] { state.withLock { $0.processes } }

    /// What everything said of the host carries; nil before it was taken.
    var incarnation: Int64? { state.withLock { $0.incarnation } }

    /// Whether the host claims nothing more.
    var isLeaving: Bool { state.withLock { $0.isLeaving } }

    /// The host is this supervisor's.
    func took(_ incarnation: Int64) { state.withLock { $0.incarnation = incarnation } }

    /// Nothing more is claimed. Returns what to give the slots back with; nil when there are none, or it was said already.
    func leave() -> Int64? {
        state.withLock { state in
            defer { state.isLeaving = true }
            return state.isLeaving ? nil : state.incarnation
        }
    }

    /// From now on `look` is called when the processes have changed, and the stream tells how many lists are being done.
    func watch(_ look: @escaping @Sendable () -> Void) -> AsyncStream<Int> {
        let (dones, done) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { ($0.look, $0.dones) = (look, done) }
        return dones
    }

    /// Nobody is called any more.
    func unwatch() {
        state.withLock {
            $0.dones?.finish()
            ($0.look, $0.dones) = (nil, nil)
        }
    }

    /// A list is about to be handed over; its number.
    func willTell() -> Int {
        state.withLock { state in
            state.told += 1
            return state.told
        }
    }

    /// The main loop did something.
    ///
    /// - Parameter isOfList: whether that was a list of what is wanted.
    func did(_ counts: [SupervisorMachine.Count], isOfList: Bool) {
        let processes = counts.map {
            HostedProcesses(
                deployment: $0.deployment, processes: Int32(clamping: $0.children), isReplacing: $0.isReplacing)
        }
        let look = state.withLock { state -> (@Sendable () -> Void)? in
            if isOfList {
                state.done += 1
                state.dones?.yield(state.done)
            }
            guard processes != state.processes else { return nil }
            state.processes = processes
            return state.look
        }
        look?()
    }
}
