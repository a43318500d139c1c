import BackendABI
import Synchronization
import Testing

@testable import BackendKit

/// What an instance of a service does when it is destroyed while calls are open. There is no host: what it is told is lost.
@Suite(.timeLimit(.minutes(5))) struct ServiceInstanceTests {
    /// A service whose calls wait to be cancelled, and then have something to put away, as long as it takes.
    private struct Slow: BackendService {
        static let descriptor = ServiceDescriptor(name: "slow", version: "1", kinds: [.chat])

        let events = Events()
        let putAway: @Sendable () async -> Void

        init(configuration: [UInt8], slots: Int) { putAway = {} }
        init(putAway: @escaping @Sendable () async -> Void) { self.putAway = putAway }

        func respond(to request: BackendRequest, stream: BackendStream) async throws -> BackendResponse {
            events.happened("began")
            let (never, _) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            await putAway()
            events.happened("ended")
            throw CancellationError()
        }

        func close() { events.happened("closed") }
    }

    /// What happened, in order.
    private final class Events: Sendable {
        private let stream = AsyncStream.makeStream(of: String.self)

        func happened(_ event: String) { stream.continuation.yield(event) }

        /// The next `count` events, waiting for them.
        func next(_ count: Int) async -> [String] {
            var events: [String] = []
            for await event in stream.stream {
                events.append(event)
                if events.count == count { break }
            }
            return events
        }
    }

    /// Holds up whoever wants to pass, cancelled or not, until it is opened.
    private final class Gate: Sendable {
        private let state = Mutex<(isOpen: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

        func pass() async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.isOpen { state.waiter = continuation }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let waiter = state.withLock { state in
                state.isOpen = true
                return state.waiter
            }
            waiter?.resume()
        }
    }

    private func begin(_ service: Slow, calls: UInt64) async -> TypedInstance<Slow> {
        let instance = TypedInstance(service, slots: Int(calls))
        let body = Array("{}".utf8)
        body.withUnsafeBufferPointer { body in
            for slot in 0..<calls {
                var call = sluice_call_borrowed()
                call.call_id = 1 << 16 | slot
                call.body = sluice_bytes_borrowed(data: body.baseAddress, size: body.count)
                #expect(instance.execute(call) == 0)
            }
        }
        #expect(await service.events.next(Int(calls)).allSatisfy { $0 == "began" })
        return instance
    }

    @Test func theServiceIsClosedAfterItsCallsHaveEnded() async {
        let service = Slow { for _ in 0..<1_000 { await Task.yield() } }
        let instance = await begin(service, calls: 3)
        instance.close()
        #expect(await service.events.next(4) == ["ended", "ended", "ended", "closed"])
    }

    @Test func aCallThatGoesOnIsNotAwaitedForEverAndClosesTheServiceItself() async {
        let gate = Gate()
        let service = Slow { await gate.pass() }
        let instance = await begin(service, calls: 1)
        instance.close()
        gate.open()
        #expect(await service.events.next(2) == ["ended", "closed"])
    }
}
