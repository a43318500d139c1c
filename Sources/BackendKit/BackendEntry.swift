public import BackendABI
internal import Synchronization

/// Makes the table a backend's entry returns.
public enum BackendEntry {
    /// The table of a backend that is `Service`.
    ///
    /// The first service named in a process is the one it stays with: a library is one backend.
    @unsafe public static func table<Service: BackendService>(
        for service: Service.Type,
        _ host: UnsafePointer<sluice_host>?
    ) -> UnsafePointer<sluice_backend>? {
        guard let host = unsafe host, unsafe host.pointee.abi_major == SLUICE_ABI_MAJOR,
            unsafe Int(host.pointee.struct_size) >= MemoryLayout<sluice_host>.size
        else { return nil }
        unsafe Host.set(host)
        let made = current.withLock { current in
            let started = current ?? Started(service: service)
            current = started
            return started
        }
        return unsafe made.table
    }

    private static let current = Mutex<Started?>(nil)

    @safe private struct Started: @unchecked Sendable {
        let service: any BackendService.Type
        let table: UnsafePointer<sluice_backend>

        init(service: any BackendService.Type) {
            self.service = service
            let table = UnsafeMutablePointer<sluice_backend>.allocate(capacity: 1)
            unsafe table.initialize(to: makeTable(service.descriptor))
            unsafe self.table = UnsafePointer(table)
        }
    }

    /// Makes an instance of the service the library is.
    fileprivate static func instance(configuration: [UInt8], slots: Int) throws -> ServiceInstance {
        guard let service = current.withLock({ $0?.service }) else {
            throw BackendFailure(.fatal, "the entry has not been called")
        }
        return try open(service, configuration, slots)
    }

    private static func open<Service: BackendService>(
        _ service: Service.Type,
        _ configuration: [UInt8],
        _ slots: Int
    ) throws -> ServiceInstance {
        try TypedInstance(Service(configuration: configuration, slots: slots), slots: slots)
    }
}

private func makeTable(_ descriptor: ServiceDescriptor) -> sluice_backend {
    var capabilities = descriptor.kinds.reduce(UInt32(0)) { $0 | $1.capability }
    if descriptor.canStream { capabilities |= SLUICE_CAN_STREAM }
    return unsafe sluice_backend(
        struct_size: UInt32(MemoryLayout<sluice_backend>.size),
        abi_major: SLUICE_ABI_MAJOR,
        abi_minor: SLUICE_ABI_MINOR,
        capabilities: capabilities,
        name: immortal(descriptor.name),
        version: immortal(descriptor.version),
        max_concurrency: UInt32(clamping: descriptor.maximumConcurrency),
        preferred_batch: UInt32(clamping: max(1, descriptor.preferredBatch)),
        create: { config, slots, instance, error in
            let configuration = unsafe [UInt8](UnsafeBufferPointer(start: config.data, count: config.size))
            do {
                let made = try BackendEntry.instance(configuration: configuration, slots: Int(slots))
                unsafe instance?.pointee = OpaquePointer(Unmanaged.passRetained(made).toOpaque())
                return 0
            } catch let failure as BackendFailure {
                unsafe fill(error, Array(failure.message.utf8))
                return failure.errorClass.rawValue
            } catch let failure {
                unsafe fill(error, Array("the backend failed with \(type(of: failure))".utf8))
                return BackendFailure.Class.fatal.rawValue
            }
        },
        destroy: { instance in
            guard let instance = unsafe instance else { return }
            unsafe Unmanaged<ServiceInstance>.fromOpaque(UnsafeRawPointer(instance)).takeRetainedValue().close()
        },
        execute: { instance, call in
            guard let instance = unsafe instance, let call = unsafe call else {
                return BackendFailure.Class.invalidRequest.rawValue
            }
            return unsafe Unmanaged<ServiceInstance>.fromOpaque(UnsafeRawPointer(instance))
                ._withUnsafeGuaranteedRef { unsafe $0.execute(call.pointee) }
        },
        cancel: { instance, id in
            guard let instance = unsafe instance else { return }
            unsafe Unmanaged<ServiceInstance>.fromOpaque(UnsafeRawPointer(instance))
                ._withUnsafeGuaranteedRef { $0.cancel(id) }
        },
        health: { instance, report in
            guard let instance = unsafe instance else { return BackendFailure.Class.fatal.rawValue }
            let health = unsafe Unmanaged<ServiceInstance>.fromOpaque(UnsafeRawPointer(instance))
                ._withUnsafeGuaranteedRef { $0.health() }
            unsafe fill(report, health.detail)
            return health.state.rawValue
        },
        stats: { instance, report in
            guard let instance = unsafe instance else { return BackendFailure.Class.fatal.rawValue }
            unsafe fill(
                report,
                Unmanaged<ServiceInstance>.fromOpaque(UnsafeRawPointer(instance))
                    ._withUnsafeGuaranteedRef { $0.stats() }
            )
            return 0
        }
    )
}

/// A NUL-terminated copy that is never freed.
private func immortal(_ text: String) -> UnsafePointer<CChar> {
    let bytes = text.utf8CString
    let memory = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
    _ = unsafe memory.initialize(from: bytes)
    return unsafe UnsafePointer(memory.baseAddress.unsafelyUnwrapped)
}

/// Writes what fits and says how much there was.
private func fill(_ buffer: UnsafeMutablePointer<sluice_buffer_lent>?, _ bytes: [UInt8]) {
    guard let buffer = unsafe buffer else { return }
    if let data = unsafe buffer.pointee.data {
        let count = unsafe min(bytes.count, buffer.pointee.capacity)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { unsafe data.update(from: start, count: count) }
        }
    }
    unsafe buffer.pointee.size = bytes.count
}
