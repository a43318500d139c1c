internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A slow network: a TCP port on this machine that leads to a unix socket, keeps everything for a while, and can stall.
///
/// What was sent arrives whole and in order, however late: the network is bad and not broken.
package final class SlowProxy: Sendable {
    private struct State {
        var isStalled = false
        /// What was due while it stalled.
        var held: [@Sendable () -> Void] = []
    }

    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let state = Mutex(State())
    private let listening = Mutex<(any Channel)?>(nil)
    private let delay: TimeAmount

    /// Runs `body` beside a proxy to `socketPath` that delays what is sent by so many milliseconds, each way.
    package static func with<Result>(
        to socketPath: String, delay milliseconds: Int64, _ body: (SlowProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = SlowProxy(delay: .milliseconds(milliseconds))
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).connect(unixDomainSocketPath: socketPath).flatMap { server in
                    client.eventLoop.makeCompletedFuture {
                        try client.pipeline.syncOperations.addHandler(Direction(proxy, to: server))
                        try server.pipeline.syncOperations.addHandler(Direction(proxy, to: client))
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        proxy.listening.withLock { $0 = listener }
        do {
            let result = try await body(proxy)
            proxy.resume()
            try await listener.close()
            return result
        } catch {
            proxy.resume()
            try await listener.close()
            throw error
        }
    }

    private init(delay: TimeAmount) { self.delay = delay }

    /// Where it listens on 127.0.0.1.
    package var port: Int { listening.withLock { $0?.localAddress?.port } ?? 0 }

    /// Nothing arrives any more, in either direction, on any connection.
    package func stall() { state.withLock { $0.isStalled = true } }

    /// What was held up arrives, and what follows.
    package func resume() {
        let held = state.withLock { state in
            state.isStalled = false
            defer { state.held = [] }
            return state.held
        }
        for arrive in held { arrive() }
    }

    /// Calls `arrive` when what is sent now would arrive. All of it happens on one loop, in order.
    fileprivate func deliver(on loop: any EventLoop, _ arrive: @escaping @Sendable () -> Void) {
        loop.scheduleTask(in: delay) {
            let isStalled = self.state.withLock { state in
                if state.isStalled { state.held.append { loop.execute(arrive) } }
                return state.isStalled
            }
            if !isStalled { loop.execute(arrive) }
        }
    }
}

/// What one end of a connection sends to the other.
private final class Direction: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let proxy: SlowProxy
    private let other: any Channel

    init(_ proxy: SlowProxy, to other: any Channel) {
        self.proxy = proxy
        self.other = other
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        proxy.deliver(on: context.eventLoop) { [other] in other.writeAndFlush(bytes, promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        proxy.deliver(on: context.eventLoop) { [other] in other.close(promise: nil) }
    }
}
