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
        if isNew { channel.closeFuture.whenComplete { _ in self.left(identifier) } }
        return ticket
    }

    /// The client of a connection has gone.
    fileprivate func left(_ connection: ObjectIdentifier) {
        let waiting = state.withLock { $0.connections.removeValue(forKey: connection)?.waiting ?? [:] }
        for act in waiting.values { act() }
    }

    /// Gives a ticket back.
    func forget(_ ticket: Int, of channel: any Channel) {
        state.withLock { _ = $0.connections[ObjectIdentifier(channel)]?.waiting.removeValue(forKey: ticket) }
    }
}

/// Notices that a client sends no more. The server keeps such a connection open for the answer, but a client that closes
/// only its half waits for none: those that people use close both.
final class DepartureHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let departures: Departures

    init(_ departures: Departures) { self.departures = departures }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { departures.left(ObjectIdentifier(context.channel)) }
        context.fireUserInboundEventTriggered(event)
    }
}
