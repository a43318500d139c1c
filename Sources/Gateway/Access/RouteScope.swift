import Admission
import HTTPTypes
import Hummingbird

/// Which scope a route needs: to look, `read`; to change anything, `submit`. What concerns everybody's jobs is not the
/// gateway's: operators have the command line and SQL.
enum RouteScope {
    /// Routes that only look, but at something to act with; as they are declared, `/v2/{model}/…`.
    private static let secret: Set<String> = ["/api/webhooks/secret"]

    /// The scope `method` needs at the route `path`.
    static func scope(_ method: HTTPRequest.Method, _ path: String) -> KeyScope {
        (method == .get || method == .head) && !secret.contains(path) ? .read : .submit
    }
}
