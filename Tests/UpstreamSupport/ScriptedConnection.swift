internal import Glibc
internal import NIOCore
internal import NIOPosix

/// One connection of a scripted server: raw bytes in, raw bytes out.
final class ScriptedConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: ScriptedServer
    private var number = 0
    private var received: [UInt8] = []

    init(_ server: ScriptedServer) { self.server = server }

    func channelActive(context: ChannelHandlerContext) { number = server.connected(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        guard let request = nextRequest() else { return }
        perform(server.script(for: request).steps[...], context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Takes one whole request off what was received.
    private func nextRequest() -> ScriptedServer.Request? {
        guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard received.count >= end.upperBound + length else { return nil }
        let body = String(decoding: received[end.upperBound..<(end.upperBound + length)], as: UTF8.self)
        received.removeFirst(end.upperBound + length)
        let words = lines.first?.split(separator: " ") ?? []
        return ScriptedServer.Request(
            path: words.count > 1 ? String(words[1]) : "", headers: headers, body: body, connection: number)
    }

    private func perform(_ steps: ArraySlice<Script.Step>, _ channel: any Channel) {
        Self.perform(steps, channel, server)
    }

    private static func perform(_ steps: ArraySlice<Script.Step>, _ channel: any Channel, _ server: ScriptedServer) {
        guard let step = steps.first, channel.isActive else { return }
        let rest = steps.dropFirst()
        switch step {
        case .send(let bytes):
            channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess { perform(rest, channel, server) }
        case .pause(let milliseconds):
            channel.eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) { perform(rest, channel, server) }
        case .untilRead:
            channel.eventLoop.scheduleTask(in: .milliseconds(1)) {
                perform(isRead(channel) ? rest : steps, channel, server)
            }
        case .hold:
            server.hold { channel.eventLoop.execute { perform(rest, channel, server) } }
        case .endless(let bytes):
            channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess { perform(steps, channel, server) }
        case .close: channel.close(promise: nil)
        case .reset:
            // Lingering for no time makes the close a reset.
            let linger = linger(l_onoff: 1, l_linger: 0)
            if let options = channel as? any SocketOptionProvider {
                options.setSoLinger(linger).whenComplete { _ in channel.close(promise: nil) }
            }
        }
    }

    /// Whether nothing that was sent is still in the queues of the two sockets, which are both on this machine.
    private static func isRead(_ channel: any Channel) -> Bool {
        guard let own = channel.localAddress?.port, let peer = channel.remoteAddress?.port,
            let file = fopen("/proc/net/tcp", "r")
        else { return true }
        defer { fclose(file) }
        func hex(_ port: Int) -> String { "0000\(String(port, radix: 16, uppercase: true))".suffix(4).description }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            // Number, own address, the peer's, state, bytes to be sent and to be read.
            let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                .split(separator: " ")
            guard words.count > 4, words[4] != "00000000:00000000" else { continue }
            let ports = (words[1].suffix(4), words[2].suffix(4))
            if ports == (hex(own)[...], hex(peer)[...]) || ports == (hex(peer)[...], hex(own)[...]) { return false }
        }
        return true
    }
}
