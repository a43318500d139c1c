internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// One stream of a scripted server that speaks HTTP/2. Of a script it performs what is sent, as a body, and what is held.
final class ScriptedStream: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let server: ScriptedServer
    private var headers: [String: String] = [:]
    private var body: [UInt8] = []

    init(_ server: ScriptedServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var isEnd = false
        switch unwrapInboundIn(data) {
        case .headers(let frame):
            for (name, value, _) in frame.headers { headers[name] = value }
            isEnd = frame.endStream
        case .data(let frame):
            if case .byteBuffer(let buffer) = frame.data { body.append(contentsOf: buffer.readableBytesView) }
            isEnd = frame.endStream
        default: break
        }
        guard isEnd else { return }
        let request = ScriptedServer.Request(
            path: headers[":path"] ?? "", headers: headers, body: String(decoding: body, as: UTF8.self), connection: 1)
        let type = request.body.contains(#""stream":true"#) ? "text/event-stream" : "application/json"
        let head: HPACKHeaders = [":status": "200", "content-type": "\(type)"]
        context.write(wrapOutboundOut(.headers(.init(headers: head))), promise: nil)
        Self.perform(server.script(for: request).steps[...], context.channel, server)
    }

    private static func perform(_ steps: ArraySlice<Script.Step>, _ channel: any Channel, _ server: ScriptedServer) {
        switch steps.first {
        case .send(let bytes):
            let isLast = steps.count == 1
            let frame = HTTP2Frame.FramePayload.data(
                .init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: isLast))
            channel.writeAndFlush(frame).whenSuccess { perform(steps.dropFirst(), channel, server) }
        case .hold:
            server.hold { channel.eventLoop.execute { perform(steps.dropFirst(), channel, server) } }
        default: break
        }
    }
}
