internal import BackendABI
internal import Glibc

/// A loaded backend.
///
/// Its library stays in the process until that ends: an upgrade is a new process.
package struct Backend: Sendable {
    /// The file it came from.
    package let file: BackendFile
    /// What it says about itself.
    package let descriptor: BackendDescriptor
    /// The backend's table, immutable and never unloaded.
    let table: BackendTable

    /// Loads a backend into this process, running its initialisers; anything may happen, so do it where it may.
    ///
    /// The content is checked once more, then the library is opened (`RTLD_NOW|RTLD_LOCAL|RTLD_NODELETE`), then versions and
    /// sizes are compared before anything else of it is used.
    /// - Throws: what `verify` throws, `notLoadable`, `noEntry`, `abiMismatch` naming both versions, `badDescriptor`.
    package static func load(_ file: BackendFile) throws(BackendError) -> Backend {
        try unsafe load(file, host: HostTable.pointer)
    }

    /// Loads a backend as a host with that table would, one of the major version `expectedMajor`.
    static func load(
        _ file: BackendFile, host: UnsafePointer<sluice_host>, expectedMajor: UInt32 = SLUICE_ABI_MAJOR
    ) throws(BackendError) -> Backend {
        try file.recheck()
        guard let library = unsafe dlopen(file.path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            throw BackendError(.notLoadable, "the backend cannot be loaded", ["path": file.path], cause: linkerError())
        }
        guard let symbol = unsafe dlsym(library, SLUICE_ENTRY_SYMBOL) else {
            throw BackendError(
                .noEntry,
                "the file is no backend: it does not export sluice_backend_entry",
                ["path": file.path]
            )
        }
        typealias Entry = @convention(c) (UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_backend>?
        let entry = unsafe unsafeBitCast(symbol, to: Entry.self)
        guard let table = unsafe entry(host) else {
            throw BackendError(
                .abiMismatch,
                "the backend refused this host",
                ["host_abi": BackendDescriptor.hostABI, "path": file.path]
            )
        }
        let major = unsafe table.pointee.abi_major
        let minor = unsafe table.pointee.abi_minor
        guard major == expectedMajor else {
            throw BackendError(
                .abiMismatch,
                "the backend was built for another version of the ABI",
                ["backend_abi": "\(major).\(minor)", "host_abi": BackendDescriptor.hostABI, "path": file.path]
            )
        }
        let size = unsafe Int(table.pointee.struct_size)
        guard unsafe MemoryLayout<sluice_backend>.size...65_536 ~= size else {
            throw BackendError(
                .badDescriptor,
                "the backend's table has an impossible size",
                ["struct_size": "\(size)", "least": "\(unsafe MemoryLayout<sluice_backend>.size)", "path": file.path]
            )
        }
        let descriptor = try unsafe BackendDescriptor(reading: table, path: file.path)
        return unsafe Backend(file: file, descriptor: descriptor, table: BackendTable(pointer: table))
    }

    private static func linkerError() -> String {
        unsafe dlerror().map { unsafe String(cString: $0) } ?? "the dynamic linker gave no reason"
    }
}

/// The backend's table as a value that may cross tasks: it is immutable and lives until the process ends.
@safe struct BackendTable: @unchecked Sendable {
    let pointer: UnsafePointer<sluice_backend>
}
