import NIOCore
import NIOHTTP1
import Synchronization

/// Sends a request, and another one when it is answered, until time is up.
final class Asker: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPClientResponsePart

    private struct State {
        var figures = LoadFigures()
        var began = ContinuousClock.now
        var isOver = false
    }

    private let head: HTTPRequestHead
    private let body: ByteBuffer?
    private let end: ContinuousClock.Instant
    private let promise: EventLoopPromise<LoadFigures>
    private let state = Mutex(State())

    /// Everything it measured, when time is up.
    var done: EventLoopFuture<LoadFigures> { promise.futureResult }

    init(
        _ channel: any Channel, path: String, body: [UInt8]?, headers: HTTPHeaders, until end: ContinuousClock.Instant
    ) {
        head = .init(path: path, body: body, headers: headers)
        self.body = body.map { ByteBuffer(bytes: $0) }
        self.end = end
        promise = channel.eventLoop.makePromise()
    }

    func channelActive(context: ChannelHandlerContext) { ask(context) }

    private func ask(_ context: ChannelHandlerContext) {
        state.withLock { $0.began = .now }
        context.channel.send(head, body)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if head.status != .ok { state.withLock { $0.figures.refused += 1 } }
        case .body: break
        case .end:
            let now = ContinuousClock.now
            let isOver = state.withLock { state in
                state.figures.latencies.append((now - state.began).milliseconds)
                state.isOver = now >= end
                return state.isOver
            }
            guard isOver else { return ask(context) }
            promise.succeed(state.withLock { $0.figures })
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !state.withLock({ $0.isOver }) { promise.fail(BenchFailure("the gateway closed a connection")) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }
}

/// Sends one request and counts the pieces of its answer.
final class OpenAnswer: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPClientResponsePart

    private let head: HTTPRequestHead
    private let body: ByteBuffer?
    private let channel: any Channel
    private let counted = Mutex((status: 0, pieces: 0, hasEnded: false))

    init(_ channel: any Channel, path: String, body: [UInt8]?, headers: HTTPHeaders) {
        self.channel = channel
        head = .init(path: path, body: body, headers: headers)
        self.body = body.map { ByteBuffer(bytes: $0) }
    }

    /// The answer's status (0: none yet), its pieces so far, and whether it has ended.
    var progress: (status: Int, pieces: Int, hasEnded: Bool) { counted.withLock { $0 } }

    func close() async throws { try await channel.close().get() }

    func channelActive(context: ChannelHandlerContext) { context.channel.send(head, body) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): counted.withLock { $0.status = Int(head.status.code) }
        case .body: counted.withLock { $0.pieces += 1 }
        case .end: counted.withLock { $0.hasEnded = true }
        }
    }

    func channelInactive(context: ChannelHandlerContext) { counted.withLock { $0.hasEnded = true } }
}

extension HTTPRequestHead {
    fileprivate init(path: String, body: [UInt8]?, headers: HTTPHeaders) {
        var headers = headers
        if let body { headers.add(name: "content-length", value: "\(body.count)") }
        self.init(version: .http1_1, method: body == nil ? .GET : .POST, uri: path, headers: headers)
    }
}

extension Channel {
    fileprivate func send(_ head: HTTPRequestHead, _ body: ByteBuffer?) {
        write(HTTPClientRequestPart.head(head), promise: nil)
        if let body { write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil) }
        writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }
}
