import Admission
import Hummingbird
import NIOCore
import Queue

/// What the gateway knows of a request besides the request.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection it came on.
    let channel: any Channel
    /// Who asks; set by `Authentication`.
    var caller: KeyOwnerName?
    /// What becomes of it.
    let visit = Visit()

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Who asks, behind `Authentication`.
    func tenant() throws(GatewayFailure) -> String {
        guard let caller else { throw .unauthorized }
        return caller.tenant
    }
}

/// Who a request is from.
struct KeyOwnerName: Sendable, Hashable {
    /// The key's number, for logs.
    var key: Int32
    /// The owner of what it makes and sees.
    var tenant: String
    /// What the key lets its holder do.
    var scopes: Set<KeyScope>
    /// Its line's limits and its tenant's.
    var limits: [LimitSetting]
}
