import Glibc
import SystemPackage

/// A file that is either there as a whole or not at all.
///
/// What is appended goes, in pieces of 256 KiB, to a temporary file beside the target; `finish()` makes it durable and
/// puts it in the target's place in one step. Without `finish()` the temporary file goes away with this value and the
/// target stays as it was. A target that exists and is not a regular file (a terminal, a pipe, `/dev/null`) is written
/// to directly, and so is `-`, standard output.
public struct OutputFile: ~Copyable {
    /// The file's name, as messages give it.
    public let path: String
    /// How much was appended.
    public private(set) var bytesWritten: Int64 = 0

    private let descriptor: FileDescriptor
    /// What the temporary file replaces, links followed; nil when there is no temporary file.
    private let target: String?
    private let temporary: String?
    private var buffer: [UInt8] = []
    private var isFinished = false

    private static let pieceBytes = 1 << 18

    /// Begins to write `path`.
    public init(path: String) throws(BatchFileError) {
        let opened = try Opened(path)
        self.path = opened.path
        descriptor = opened.descriptor
        target = opened.target
        temporary = opened.temporary
        buffer.reserveCapacity(2 * Self.pieceBytes)
    }

    deinit {
        BatchFile.close(descriptor)
        if let temporary, !isFinished { unlink(temporary) }
    }

    /// Appends one result as a line.
    public mutating func append(_ line: BatchOutputLine) throws(BatchFileError) {
        let before = buffer.count
        line.append(to: &buffer)
        bytesWritten += Int64(buffer.count - before)
        if buffer.count >= Self.pieceBytes { try flush() }
    }

    /// Appends `bytes` as they are.
    public mutating func append(_ bytes: some Collection<UInt8>) throws(BatchFileError) {
        buffer.append(contentsOf: bytes)
        bytesWritten += Int64(bytes.count)
        if buffer.count >= Self.pieceBytes { try flush() }
    }

    /// Makes what was appended the content of the target.
    ///
    /// Nothing may be appended afterwards; a second call does nothing.
    public mutating func finish() throws(BatchFileError) {
        if isFinished { return }
        try flush()
        if let target, let temporary {
            guard fsync(descriptor.rawValue) == 0 else { throw failure() }
            guard rename(temporary, target) == 0 else { throw failure() }
            isFinished = true
            try makeNameDurable(target)
        }
        isFinished = true
    }

    private mutating func flush() throws(BatchFileError) {
        do { try descriptor.writeAll(buffer) } catch {
            throw BatchFileError(BatchFile.errno(error), path: path, otherwise: .writeFailed)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Makes the new name survive a power cut.
    ///
    /// Folders that cannot be synchronised are left to the system.
    private func makeNameDurable(_ target: String) throws(BatchFileError) {
        let folder = FilePath(target).removingLastComponent().string
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { _ = Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw failure() }
    }

    private func failure() -> BatchFileError {
        BatchFileError(Errno(rawValue: errno), path: path, otherwise: .writeFailed)
    }
}

/// What is open before anything is written.
private struct Opened {
    let path: String
    let descriptor: FileDescriptor
    var target: String?
    var temporary: String?

    init(_ path: String) throws(BatchFileError) {
        self.path = path == "-" ? "standard output" : path
        var information = stat()
        let exists = path != "-" && stat(path, &information) == 0
        do {
            if path == "-" {
                descriptor = try FileDescriptor.standardOutput.duplicate()
            } else if exists, information.st_mode & S_IFMT != S_IFREG {
                descriptor = try FileDescriptor.open(FilePath(path), .writeOnly, options: .closeOnExec)
            } else {
                let resolved = exists ? FilePath(path).linkTarget : FilePath(path)
                let name =
                    ".\(resolved.lastComponent?.string ?? "output").\(getpid())-\(UInt32.random(in: 0 ... .max)).partial"
                let temporary = resolved.removingLastComponent().appending(name)
                descriptor = try FileDescriptor.open(
                    temporary,
                    .writeOnly,
                    options: [.create, .exclusiveCreate, .closeOnExec],
                    permissions: exists
                        ? FilePermissions(rawValue: CModeT(information.st_mode & 0o777))
                        : [.ownerReadWrite, .groupRead, .otherRead]
                )
                (target, self.temporary) = (resolved.string, temporary.string)
            }
        } catch {
            throw BatchFileError(BatchFile.errno(error), path: self.path, otherwise: .cannotCreate)
        }
    }
}

extension FilePath {
    /// The file the path leads to when it is a symbolic link, otherwise the path.
    fileprivate var linkTarget: FilePath {
        guard let resolved = realpath(string, nil) else { return self }
        defer { free(resolved) }
        return FilePath(String(cString: resolved))
    }
}
