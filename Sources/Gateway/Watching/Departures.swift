import NIOCore
import Synchronization

/// Tells who waits on behalf of a client when that client has gone.
///
/// A connection serves many requests, so it is watched once, and forgotten when it closes.
final class Departures: Sendable {
    private struct Connection {
        var waiting: [Int: @Sendable () -> Void] = [:]
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var nextTicket = 0
    }

    private let state = Mutex(State())

    /// Calls `act` when `channel` closes, unless the ticket is given back before.
    func watch(_ channel: any Channel, _ act: @escaping @Sendable () -> Void) -> Int {
        let identifier = ObjectIdentifier(channel)
        let (ticket, isNew) = state.withLock { state in
            state.nextTicket += 1
            let isNew = state.connections[identifier] == nil
            state.connections[identifier, default: Connection()].waiting[state.nextTicket] = act
            return (state.nextTicket, isNew)
        }
        if isNew {
            channel.closeFuture.whenComplete { _ in
                let waiting = self.state.withLock { $0.connections.removeValue(forKey: identifier)?.waiting ?? [:] }
                for act in waiting.values { act() }
            }
        }
        return ticket
    }

    /// Gives a ticket back.
    func forget(_ ticket: Int, of channel: any Channel) {
        state.withLock { _ = $0.connections[ObjectIdentifier(channel)]?.waiting.removeValue(forKey: ticket) }
    }
}
