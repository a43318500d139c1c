public import BackendABI
import BackendKit

/// The mock backend's entry.
@c(sluice_backend_entry)
public func mockBackendEntry(_ host: UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_backend>? {
    BackendEntry.table(for: MockService.self, host)
}
