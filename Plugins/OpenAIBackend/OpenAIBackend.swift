public import BackendABI
import BackendKit
import OpenAIClient

/// The OpenAI backend's entry.
@c(sluice_backend_entry)
public func openAIBackendEntry(_ host: UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_backend>? {
    BackendEntry.table(for: OpenAIService.self, host)
}
