import Synchronization

/// Whether a client has gone.
final class Left: Sendable {
    private let flag = Atomic(false)

    var hasLeft: Bool { flag.load(ordering: .relaxed) }

    func now() { flag.store(true, ordering: .relaxed) }
}
