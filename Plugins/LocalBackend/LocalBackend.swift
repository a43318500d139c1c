public import BackendABI
import BackendKit
import LocalModel

/// The local backend's entry.
@c(sluice_backend_entry)
public func localBackendEntry(_ host: UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_backend>? {
    BackendEntry.table(for: LocalService.self, host)
}
