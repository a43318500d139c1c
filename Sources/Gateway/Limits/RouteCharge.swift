import HTTPTypes

/// Which requests are charged to limits: those that make or change something. Those that look are free: they are bounded by
/// what waits for them.
enum RouteCharge {
    /// Routes that are asked with POST and free, as they are declared: they only look, or give something up, which nobody
    /// is to be kept from.
    static let free: Set<String> = [
        "/api/jobs/{id}/cancel", "/v1/batches/{id}/cancel", "/v1/responses/{id}/cancel", "/v2/{model}/cancel/{id}",
        "/v2/{model}/purge-queue", "/v2/{model}/status/{id}", "/v2/{model}/stream/{id}",
    ]

    /// Whether `method` at the route `path` is charged.
    static func isCharged(_ method: HTTPRequest.Method, _ path: String) -> Bool {
        method == .post && !free.contains(path)
    }
}
