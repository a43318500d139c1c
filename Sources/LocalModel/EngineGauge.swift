import Synchronization

/// Where the decode thread writes its numbers, and anybody reads them.
final class EngineGauge: Sendable {
    private let state = Mutex(EngineNumbers())

    /// The numbers as they are.
    var numbers: EngineNumbers { state.withLock { $0 } }

    func update(_ change: (inout EngineNumbers) -> Void) { state.withLock { change(&$0) } }
}
