import Hummingbird
import NIOCore

/// What the gateway knows of a request besides the request.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection it came on.
    let channel: any Channel
    /// Who asks; set by `Authentication`.
    var caller: KeyOwnerName?

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
}
