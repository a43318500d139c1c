import NIOCore
import Synchronization

/// Tells who waits on behalf of a client when that client has gone.
///
/// A connection serves many requests, so it is watched once, and forgotten when it closes. That a client has gone is known
/// until then: it may go while its request is still on its way in, before anybody waits.
final class Departures: Sendable {
    private struct Connection {
        var waiting: [Int: @Sendable () -> Void] = [:]
        var hasLeft = false
    }

    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var nextTicket = 0
    }

    private let state = Mutex(State())

    /// How many connections are remembered.
    var remembered: Int { state.withLock { $0.connections.count } }

    /// Calls `act` when the client of `channel` goes, unless the ticket is given back before; at once when it has gone.
    func watch(_ channel: any Channel, _ act: @escaping @Sendable () -> Void) -> Int {
        let (ticket, isNew, hasLeft) = state.withLock { state in
            let connection = state.connections[ObjectIdentifier(channel)]
            let hasLeft = connection?.hasLeft ?? false
            state.nextTicket += 1
            if !hasLeft {
                state.connections[ObjectIdentifier(channel), default: Connection()].waiting[state.nextTicket] = act
            }
            return (state.nextTicket, connection == nil, hasLeft)
        }
        if isNew { forgetWhenClosed(channel) }
        if hasLeft { act() }
        return ticket
    }

    /// The client of `channel` sends no more.
    fileprivate func left(_ channel: any Channel) {
        let (waiting, isNew) = state.withLock { state in
            let connection = state.connections[ObjectIdentifier(channel)]
            state.connections[ObjectIdentifier(channel)] = Connection(hasLeft: true)
            return (connection?.waiting ?? [:], connection == nil)
        }
        if isNew { forgetWhenClosed(channel) }
        for act in waiting.values { act() }
    }

    /// Whoever waits when `channel` closes is told; the next connection may have its identifier.
    private func forgetWhenClosed(_ channel: any Channel) {
        let identifier = ObjectIdentifier(channel)
        channel.closeFuture.whenComplete { _ in
            let waiting = self.state.withLock { $0.connections.removeValue(forKey: identifier)?.waiting ?? [:] }
            for act in waiting.values { act() }
        }
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
        if case .some(.inputClosed) = event as? ChannelEvent { departures.left(context.channel) }
        context.fireUserInboundEventTriggered(event)
    }
}
