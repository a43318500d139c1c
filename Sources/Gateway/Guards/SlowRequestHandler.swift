import Admission
import NIOCore
import NIOHTTPTypes

/// Closes a connection whose request comes too slowly: a body that falls behind `BodyPace`. Heads that take too long are
/// the server's idle time-out.
///
/// A gateway that is itself slow to take a body looks the same; the pace asked for is one that is never the gateway's.
final class SlowRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private static let tick = TimeAmount.milliseconds(500)

    private let epoch = ContinuousClock.now
    private var pace: BodyPace
    private var timer: Scheduled<Void>?

    init(grace: Duration) { pace = BodyPace(grace: grace) }

    private var now: Duration { ContinuousClock.now - epoch }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: pace.began(at: now)
        case .body(let piece):
            pace.received(piece.readableBytes)
            // A request whose end comes with its head needs no timer.
            if timer == nil { look(context) }
        case .end:
            pace.ended()
            timer?.cancel()
            timer = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if timer == nil, pace.isComing { look(context) }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    private func look(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.tick) {
            let (handler, context) = bound.value
            handler.timer = nil
            guard handler.pace.isComing else { return }
            if handler.pace.isTooSlow(at: handler.now) {
                context.close(promise: nil)
            } else {
                handler.look(context)
            }
        }
    }
}
