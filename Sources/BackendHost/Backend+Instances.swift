internal import BackendABI
internal import Domain

extension Backend {
    /// Makes an instance that may have `slots` calls open at once.
    ///
    /// May take as long as loading a model does; call it where blocking is allowed.
    /// - Parameters:
    /// - configuration: a JSON object, or empty; at most 1 MiB.
    /// - slots: 1...65,535.
    /// - Throws: `createFailed` with the backend's sentence as cause and its error class; `limitExceeded`.
    package func makeInstance(configuration: [UInt8] = [], slots: Int) throws(BackendError) -> BackendInstance {
        guard 1...Int(SLUICE_MAX_SLOTS) ~= slots else {
            throw BackendError(.limitExceeded, "a backend's slots must be in 1...65535", ["slots": "\(slots)"])
        }
        guard configuration.count <= Int(SLUICE_MAX_CONFIG_BYTES) else {
            throw BackendError(
                .limitExceeded,
                "a backend's configuration may have 1 MiB at most",
                ["bytes": "\(configuration.count)"]
            )
        }
        guard let calls = unsafe CallTables.acquire(slots: slots) else {
            throw BackendError(
                .limitExceeded,
                "this process has too many instances of backends",
                ["most": "\(CallTables.maximumCount)"]
            )
        }
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Int(SLUICE_MAX_MESSAGE_BYTES))
        defer { unsafe memory.deallocate() }
        var error = unsafe sluice_buffer_lent(data: memory.baseAddress, capacity: memory.count, size: 0)
        var instance: OpaquePointer?
        let status = unsafe configuration.withUnsafeBufferPointer { bytes in
            let text = unsafe sluice_bytes_borrowed(data: bytes.isEmpty ? nil : bytes.baseAddress, size: bytes.count)
            return unsafe table.pointer.pointee.create(text, UInt32(slots), &instance, &error)
        }
        guard status == 0, let made = unsafe instance else {
            unsafe CallTables.release(calls)
            let sentence = unsafe LentText(error).line
            throw BackendError(
                .createFailed,
                "the backend could not be started",
                ["backend": descriptor.name, "path": file.path],
                cause: sentence.isEmpty ? "it gave no reason" : sentence,
                errorClass: status == 0 ? .fatal : ErrorClass(abiStatus: status)
            )
        }
        return unsafe BackendInstance(backend: self, slots: slots, table: calls, instance: made)
    }
}

extension Duration {
    /// Whole milliseconds, at least 1: what is left of a deadline on the wire, where 0 means none.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds < 1 << 40 else { return 1 << 50 }
        return UInt64(max(1, seconds * 1_000 + attoseconds / 1_000_000_000_000_000))
    }
}
