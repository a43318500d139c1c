import Glibc
import SystemPackage

/// A file of requests in OpenAI's batch input format, open for reading as often as wanted.
///
/// Each line is one JSON object with `custom_id`, `method`, `url` and `body`. The usual way is two passes: `validate()`
/// to know all that is wrong before anything happens, then `requests(at:)` to load. Both hold one line and one buffer at
/// a time; the file closes when the last user of it is gone.
public final class BatchFile: Sendable {
    /// The file's name, as messages give it.
    public let path: String
    /// How large the file is.
    public let size: Int64
    let limits: BatchLimits
    let descriptor: FileDescriptor

    /// Opens `path`; `-` is standard input.
    ///
    /// What can be read only once (standard input, a pipe) is first stored in a nameless file in `directory`, which goes
    /// away with this value.
    public init(path: String, limits: BatchLimits = BatchLimits(), storingIn directory: String = "/tmp")
        throws(BatchFileError)
    {
        let isInput = path == "-"
        self.path = isInput ? "standard input" : path
        self.limits = limits
        let opened: FileDescriptor
        do {
            opened =
                isInput
                ? try FileDescriptor.standardInput.duplicate()
                : try .open(FilePath(path), .readOnly, options: .closeOnExec)
        } catch {
            throw BatchFileError(Self.errno(error), path: self.path, otherwise: .readFailed)
        }
        var information = stat()
        guard fstat(opened.rawValue, &information) == 0 else {
            let cause = Errno(rawValue: Glibc.errno)
            Self.close(opened)
            throw BatchFileError(.readFailed, path: self.path, cause: cause)
        }
        switch information.st_mode & S_IFMT {
        case S_IFDIR:
            Self.close(opened)
            throw BatchFileError(.isDirectory, path: self.path)
        case S_IFREG:
            descriptor = opened
            size = Int64(information.st_size)
            guard size <= limits.maximumBytes else {
                Self.close(opened)
                throw BatchFileError(.tooLarge, path: self.path)
            }
        default:
            defer { Self.close(opened) }
            (descriptor, size) = try Self.stored(opened, self.path, in: directory, limit: limits.maximumBytes)
        }
    }

    deinit { Self.close(descriptor) }

    /// Reads the file from its beginning.
    ///
    /// Every reader has its own place.
    public func read() -> BatchReader { BatchReader(self) }

    /// Reads the requests that `validate()` found, from the first.
    public func requests(at index: BatchIndex) -> RequestReader { RequestReader(self, index) }

    /// Reads the whole file and reports on it.
    ///
    /// `progress` is called with the bytes read so far about every MiB.
    public func validate(progress: (Int64) -> Void = { _ in }) throws(BatchFileError) -> BatchSummary {
        var reader = read()
        return try reader.summary(progress: progress)
    }

    /// Stores what `fill` writes in a nameless file in `directory`, which goes away with this value.
    ///
    /// `path` is for messages.
    ///
    /// - Throws: what `fill` throws; its writes throw `BatchFileError`, with `tooLarge` past the limit.
    public init(
        storing path: String, limits: BatchLimits = BatchLimits(), in directory: String = "/tmp",
        _ fill: (_ write: ([UInt8]) throws(BatchFileError) -> Void) async throws -> Void
    ) async throws {
        let storage = try Storage(in: directory)
        var size: Int64 = 0
        do {
            try await fill { (bytes) throws(BatchFileError) in
                size += Int64(bytes.count)
                guard size <= limits.maximumBytes else { throw BatchFileError(.tooLarge, path: path) }
                try storage.write(bytes)
            }
        } catch {
            Self.close(storage.descriptor)
            throw error
        }
        (self.path, self.limits, self.size, descriptor) = (path, limits, size, storage.descriptor)
    }

    /// A nameless file to write to.
    private struct Storage {
        let descriptor: FileDescriptor
        /// What messages call it.
        private let path: String

        init(in directory: String) throws(BatchFileError) {
            let name = FilePath("\(directory)/.sluice-input-\(getpid())-\(UInt64.random(in: 0 ... .max))")
            path = "a temporary file in \(directory)"
            do {
                descriptor = try FileDescriptor.open(
                    name,
                    .readWrite,
                    options: [.create, .exclusiveCreate, .closeOnExec],
                    permissions: .ownerReadWrite
                )
            } catch {
                throw BatchFileError(BatchFile.errno(error), path: path, otherwise: .cannotCreate)
            }
            unlink(name.string)
        }

        func write(_ bytes: some Sequence<UInt8>) throws(BatchFileError) {
            do { try descriptor.writeAll(bytes) } catch {
                throw BatchFileError(BatchFile.errno(error), path: path, otherwise: .writeFailed)
            }
        }
    }

    /// Copies what `source` has left to a nameless file.
    private static func stored(
        _ source: FileDescriptor, _ path: String, in directory: String, limit: Int64
    ) throws(BatchFileError) -> (FileDescriptor, Int64) {
        let storage = try Storage(in: directory)
        do throws(BatchFileError) {
            return (storage.descriptor, try copy(source, path, to: storage, limit: limit))
        } catch {
            close(storage.descriptor)
            throw error
        }
    }

    /// Copies what `source` has left and returns how much that was.
    private static func copy(
        _ source: FileDescriptor, _ path: String, to storage: Storage, limit: Int64
    ) throws(BatchFileError) -> Int64 {
        var size: Int64 = 0
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count: Int
            do { count = try source.read(into: chunk) } catch {
                throw BatchFileError(errno(error), path: path, otherwise: .readFailed)
            }
            if count == 0 { return size }
            size += Int64(count)
            guard size <= limit else { throw BatchFileError(.tooLarge, path: path) }
            try storage.write(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
        }
    }

    /// What the system said; SystemPackage throws nothing else.
    static func errno(_ error: any Error) -> Errno { error as? Errno ?? .ioError }

    /// Closes a file whose content is not at stake: it was only read, or is given up.
    static func close(_ descriptor: FileDescriptor) { _ = Glibc.close(descriptor.rawValue) }
}
