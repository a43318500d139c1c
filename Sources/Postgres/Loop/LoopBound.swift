/// A value that only one event loop's thread may touch, so that it may be passed around by anybody.
///
/// Looking at the value from another thread is a bug in this library and traps.
struct LoopBound<Value>: @unchecked Sendable {
    let loop: EventLoop
    private let stored: Value

    init(_ value: Value, to loop: EventLoop) {
        self.loop = loop
        stored = value
    }

    var value: Value {
        precondition(loop.isCurrent, "a value bound to an event loop was touched from another thread")
        return stored
    }
}
