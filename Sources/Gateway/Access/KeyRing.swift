import Admission
import Queue
import Synchronization

/// Keys the gateway has seen lately, so that not every request asks the database.
///
/// Bounded: 10,000 keys. A revoked key is let in for `memory` at most; one that expires, not a moment longer. Its limits are as
/// old.
final class KeyRing: Sendable {
    /// How long an answer of the database is believed.
    static let memory = Duration.seconds(5)
    private static let maximumKeys = 10_000

    private struct Known {
        var owner: KeyOwnerName?
        var until: ContinuousClock.Instant
    }

    private let queue: Queue
    private let known = Mutex<[[UInt8]: Known]>([:])

    init(_ queue: Queue) { self.queue = queue }

    /// Whose key `text` is; nil: nobody's.
    ///
    /// - Throws: `QueueError` when it is not known and the database is away.
    func owner(of text: String) async throws -> KeyOwnerName? {
        guard text.utf8.count <= APIKey.maximumBytes else { return nil }
        let hash = APIKey(text).sha256
        let now = ContinuousClock.now
        if let entry = known.withLock({ $0[hash] }), entry.until > now { return entry.owner }
        let found = try await queue.owner(ofKey: hash)
        let owner = found.map {
            KeyOwnerName(
                key: $0.key, tenant: $0.tenant, scopes: Set($0.scopes.compactMap(KeyScope.init(rawValue:))),
                limits: [$0.keyLimit, $0.tenantLimit].compactMap(\.self))
        }
        let memory = min(Self.memory, found?.expiresIn ?? Self.memory)
        known.withLock { known in
            // Guesses fill it up: then everything is forgotten, which costs each key one question.
            if known.count >= Self.maximumKeys { known.removeAll(keepingCapacity: true) }
            known[hash] = Known(owner: owner, until: now + memory)
        }
        return owner
    }
}
