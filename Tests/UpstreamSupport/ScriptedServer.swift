internal import NIOCore
internal import NIOHTTP2
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// A server on this machine that does with each request what a script says, byte by byte, so that it can do what no
/// well-behaved server does.
package final class ScriptedServer: Sendable {
    /// A request as it came.
    package struct Request: Sendable {
        package var path: String
        /// Names in lower case.
        package var headers: [String: String]
        package var body: String
        /// The number of the connection it came on, from 1.
        package var connection: Int
    }

    package enum Dress: Sendable { case plain, tls, http2 }

    package struct State: Sendable {
        package var requests: [Request] = []
        package var connections = 0
        package var open = 0
        /// Requests that wait for `release`.
        package var held: [@Sendable () -> Void] = []
        var isReleased = false
        /// Those who wait for the state to change.
        var observers: [CheckedContinuation<Bool, Never>] = []
    }

    private let state = Mutex(State())
    private let answer: @Sendable (Request, Int) -> Script
    package let port: Int
    private let listener: any Channel
    private let scheme: String

    /// Runs `body` beside a server that answers the n-th request, from 1, as `answer` says.
    package static func with<Result>(
        _ dress: Dress = .plain, answer: @escaping @Sendable (Request, Int) -> Script,
        _ body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let server = try await ScriptedServer(dress, answer)
        do {
            let result = try await body(server)
            try await server.stop()
            return result
        } catch {
            try await server.stop()
            throw error
        }
    }

    private init(_ dress: Dress, _ answer: @escaping @Sendable (Request, Int) -> Script) async throws {
        self.answer = answer
        let shared = Shared()
        let context = dress == .plain ? nil : try TestCertificate.context(protocols: dress == .http2 ? ["h2"] : [])
        listener = try await ServerBootstrap(group: Self.group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelInitializer { channel in
                guard let server = shared.server else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    if dress == .http2 {
                        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                            mode: .server, connectionConfiguration: .init(), streamConfiguration: .init()
                        ) { stream in
                            stream.eventLoop.makeCompletedFuture {
                                try stream.pipeline.syncOperations.addHandler(ScriptedStream(server))
                            }
                        }
                        server.connected(channel)
                    } else {
                        try channel.pipeline.syncOperations.addHandler(ScriptedConnection(server))
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        scheme = dress == .plain ? "http" : "https"
        shared.server = self
    }

    /// What the listener begins with, before there is a server to name.
    private final class Shared: Sendable {
        private let box = Mutex<ScriptedServer?>(nil)
        var server: ScriptedServer? {
            get { box.withLock { $0 } }
            set { box.withLock { $0 = newValue } }
        }
    }

    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private func stop() async throws {
        release()
        try await listener.close()
    }

    /// The base URL of the API.
    package var url: String { "\(scheme)://127.0.0.1:\(port)/v1" }

    /// What has happened so far.
    package var seen: State { state.withLock { $0 } }

    /// Lets every held request go on, and those to come.
    package func release() {
        let held = state.withLock { state in
            state.isReleased = true
            defer { state.held = [] }
            return state.held
        }
        for resume in held { resume() }
    }

    /// Waits until `condition` holds of what has happened.
    package func wait(until condition: @Sendable (State) -> Bool) async {
        while true {
            let isSo: Bool = await withCheckedContinuation { waiter in
                let isSo = state.withLock { state in
                    if condition(state) { return true }
                    state.observers.append(waiter)
                    return false
                }
                if isSo { waiter.resume(returning: true) }
            }
            if isSo { return }
        }
    }

    /// Changes the state and wakes those who wait for it.
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, observers) = state.withLock { state in
            let result = body(&state)
            defer { state.observers = [] }
            return (result, state.observers)
        }
        for waiter in observers { waiter.resume(returning: false) }
        return result
    }

    /// Notes a connection and its end; returns its number.
    @discardableResult
    func connected(_ channel: any Channel) -> Int {
        channel.closeFuture.whenComplete { _ in self.change { $0.open -= 1 } }
        return change { state in
            state.connections += 1
            state.open += 1
            return state.connections
        }
    }

    /// The script for a request that has come whole.
    func script(for request: Request) -> Script {
        let number = change { state in
            state.requests.append(request)
            return state.requests.count
        }
        return answer(request, number)
    }

    /// Calls `resume` when held requests may go on.
    func hold(_ resume: @escaping @Sendable () -> Void) {
        let isReleased = change { state in
            if !state.isReleased { state.held.append(resume) }
            return state.isReleased
        }
        if isReleased { resume() }
    }
}
