import NIOCore
import NIOHTTP1
import NIOPosix

/// What a number of connections did in a time.
struct LoadFigures: Sendable {
    /// Milliseconds each request took, sorted.
    var latencies: [Double] = []
    /// Answers that were not 200.
    var refused = 0
    var seconds = 0.0

    var rate: Double { Double(latencies.count) / seconds }
    func quantile(_ part: Double) -> Double {
        latencies.isEmpty ? .nan : latencies[min(latencies.count - 1, Int(Double(latencies.count) * part))]
    }
}

/// A client that costs little, so that what is measured is the server: connections that are kept, one request at a time on
/// each, nothing of an answer read but its status and its end.
struct HTTPLoad: Sendable {
    let host: String
    let port: Int
    let headers: HTTPHeaders
    private let group = MultiThreadedEventLoopGroup.singleton

    /// - Parameter url: `http://HOST:PORT`.
    init(url: String, key: String) throws {
        let words = url.split(separator: "/").last?.split(separator: ":") ?? []
        guard words.count == 2, let port = Int(words[1]) else { throw BenchFailure("\(url) is no address") }
        host = String(words[0])
        self.port = port
        headers = [
            "host": "\(host):\(port)", "authorization": "Bearer \(key)", "content-type": "application/json",
        ]
    }

    /// Sends `body` to `path` again and again on `connections` connections for `time`; GET without a body.
    func run(_ path: String, body: [UInt8]?, connections: Int, for time: Duration) async throws -> LoadFigures {
        let start = ContinuousClock.now
        let parts = try await withThrowingTaskGroup(of: LoadFigures.self) { group in
            for _ in 0..<connections {
                group.addTask { try await self.repeated(path, body, until: start + time) }
            }
            return try await group.reduce(into: [LoadFigures]()) { $0.append($1) }
        }
        var figures = LoadFigures()
        figures.seconds = (ContinuousClock.now - start).milliseconds / 1_000
        figures.refused = parts.reduce(0) { $0 + $1.refused }
        figures.latencies = parts.flatMap(\.latencies).sorted()
        return figures
    }

    private func repeated(
        _ path: String, _ body: [UInt8]?, until end: ContinuousClock.Instant
    ) async throws -> LoadFigures {
        let asker = try await connect { Asker($0, path: path, body: body, headers: headers, until: end) }
        return try await asker.done.get()
    }

    /// Opens `count` connections, sends one request on each and reads its answer until it or the connection ends.
    ///
    /// - Returns: what has to be closed; each answers the pieces of body it got so far.
    func open(_ count: Int, _ request: @Sendable (Int) -> (path: String, body: [UInt8]?)) async throws -> [OpenAnswer] {
        var answers: [OpenAnswer] = []
        for index in 0..<count {
            let (path, body) = request(index)
            answers.append(try await connect { OpenAnswer($0, path: path, body: body, headers: headers) })
        }
        return answers
    }

    private func connect<Handler: ChannelInboundHandler & Sendable>(
        _ make: @escaping @Sendable (any Channel) -> Handler
    ) async throws -> Handler {
        let made = group.any().makePromise(of: Handler.self)
        let channel = ClientBootstrap(group: group)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    let handler = make(channel)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    made.succeed(handler)
                }
            }
            .connect(host: host, port: port)
        do {
            _ = try await channel.get()
        } catch {
            made.fail(error)
            throw error
        }
        return try await made.futureResult.get()
    }
}
