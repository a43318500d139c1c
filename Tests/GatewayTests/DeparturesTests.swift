import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import Gateway

/// Clients that go away, on a connection that is none.
struct DeparturesTests {
    /// Counts what was heard.
    private final class Ear: Sendable {
        private let heard = Atomic(0)
        var count: Int { heard.load(ordering: .relaxed) }
        func hear() { heard.add(1, ordering: .relaxed) }
    }

    private func connection(_ departures: Departures) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: DepartureHandler(departures))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    @Test func `whoever waits hears that the client sends no more, once`() throws {
        let (departures, ear) = (Departures(), Ear())
        let channel = try connection(departures)
        _ = departures.watch(channel) { ear.hear() }
        let given = departures.watch(channel) { ear.hear() }
        departures.forget(given, of: channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(ear.count == 1)
        try channel.close().wait()
        #expect(ear.count == 1)
    }

    @Test func `a client that went before anybody waited is known to have gone, until its connection closes`() throws {
        let (departures, ear) = (Departures(), Ear())
        let channel = try connection(departures)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        for number in 1...2 {
            departures.forget(departures.watch(channel) { ear.hear() }, of: channel)
            #expect(ear.count == number)
        }
        #expect(departures.remembered == 1)
        try channel.close().wait()
        channel.embeddedEventLoop.run()
        #expect(departures.remembered == 0)
    }

    @Test func `a connection that closes is heard of, and forgotten`() throws {
        let (departures, ear) = (Departures(), Ear())
        let channel = try connection(departures)
        _ = departures.watch(channel) { ear.hear() }
        try channel.close().wait()
        channel.embeddedEventLoop.run()
        #expect(ear.count == 1 && departures.remembered == 0)
    }
}
