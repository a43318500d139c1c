/// A backend, written as an async type.
///
/// Every method may be called from many tasks at once.
///
/// This and two lines make a backend, with `sluice_backend_entry` the one exported symbol:
///
/// ```swift
/// @c(sluice_backend_entry)
/// public func entry(_ host: UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_backend>? {
///     BackendEntry.table(for: MyService.self, host)
/// }
/// ```
public protocol BackendService: Sendable {
    /// What the backend is and can do.
    ///
    /// Read once.
    static var descriptor: ServiceDescriptor { get }

    /// Makes the instance.
    ///
    /// May block while a model loads.
    /// - Parameters:
    /// - configuration: a JSON object, or empty. Refuse keys you do not know.
    /// - slots: how many requests will be open at once at most.
    /// - Throws: `BackendFailure` with the sentence the operator is to read; another error counts as `fatal`, and its type
    /// is all that is told of it.
    init(configuration: [UInt8], slots: Int) throws

    /// Answers a request whose answer needs no waiting, on the thread that brings it, or returns nil to have `respond`
    /// called in a task of its own.
    ///
    /// For backends that answer within some 100 microseconds; the body is not copied, nor has anybody looked at it.
    /// Without an implementation it returns nil.
    func respondAtOnce(to head: BackendRequest.Head, body: Span<UInt8>) throws(BackendFailure) -> BackendResponse?

    /// Answers a request.
    ///
    /// The body is known to be a JSON object. When the host cancels the call the task is cancelled, and a
    /// `CancellationError` then ends it as cancelled.
    /// - Throws: `BackendFailure` with the class that decides what happens next; another error counts as `retryable`, and
    /// its type is all that is told of it.
    func respond(to request: BackendRequest, stream: BackendStream) async throws -> BackendResponse

    /// How the instance is, from what is known: no waiting.
    ///
    /// Well, without an implementation.
    func health() -> ServiceHealth

    /// A flat JSON object of numbers, at most 64 KiB.
    ///
    /// Without an implementation it is empty.
    func stats() -> [UInt8]

    /// Lets go of what the instance holds outside of memory: connections, threads.
    ///
    /// Called once, when the instance is over and its last call has ended, so nothing else uses the service any more. Calls
    /// that are open when the host destroys the instance are cancelled, and awaited for 0.8 seconds; one that goes on for
    /// longer has this called when it ends, if the process lives so long. May block for a moment. Does nothing
    /// without an implementation.
    func close()
}

extension BackendService {
    /// Leaves every request to `respond`.
    public func respondAtOnce(
        to head: BackendRequest.Head,
        body: Span<UInt8>
    ) throws(BackendFailure) -> BackendResponse? { nil }

    /// Is well.
    public func health() -> ServiceHealth { ServiceHealth(.well) }

    /// Has no numbers.
    public func stats() -> [UInt8] { Array("{}".utf8) }

    /// Holds nothing.
    public func close() {}
}
