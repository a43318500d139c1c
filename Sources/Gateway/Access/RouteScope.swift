import Admission
import HTTPTypes
import Hummingbird

/// Which scope a route needs: to look, `read`; to change anything, `submit`. A route that concerns everybody's jobs is to
/// ask for `admin` in `administrative`.
enum RouteScope {
    /// Routes as they are declared, `/v2/{model}/…`.
    private static let administrative: Set<String> = []
    /// Routes that only look, but at something to act with.
    private static let secret: Set<String> = ["/api/webhooks/secret"]

    /// The scope `method` needs at the route `path`.
    static func scope(_ method: HTTPRequest.Method, _ path: String) -> KeyScope {
        if administrative.contains(path) { return .admin }
        return (method == .get || method == .head) && !secret.contains(path) ? .read : .submit
    }
}
