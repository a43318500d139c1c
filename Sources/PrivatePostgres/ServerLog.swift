import Glibc
import SystemPackage

/// Writes what the server says to a file of bounded size: when the file is full it becomes `….1`, whose former content is
/// gone. Keeps the last bytes in memory for error messages.
struct ServerLog {
    /// Bytes of one file; there are two.
    static let fileLimit = 8 << 20
    /// Bytes kept for error messages.
    static let tailLimit = 2 << 10

    private let path: String
    private let fileLimit: Int
    private var file: FileDescriptor
    private var size: Int
    private var tail: [UInt8] = []

    init(path: String, fileLimit: Int = Self.fileLimit) throws {
        self.path = path
        self.fileLimit = fileLimit
        (file, size) = try Self.open(path)
    }

    /// Appends `bytes`.
    ///
    /// - Throws: `PrivateServerError` when the file cannot be written, a full disk being the usual reason.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
        tail.append(contentsOf: bytes.suffix(Self.tailLimit))
        if tail.count > Self.tailLimit { tail.removeFirst(tail.count - Self.tailLimit) }
        do {
            if size + bytes.count > fileLimit, size > 0 {
                try file.close()
                rename(path, "\(path).1")
                (file, size) = try Self.open(path)
            }
            size += try file.writeAll(bytes)
        } catch let error as Errno {
            throw PrivateServerError(.folderUnusable, "\(path) cannot be written", detail: "\(error)")
        }
    }

    /// The last lines the server said.
    var lastLines: String { Tool.lastLines(of: String(decoding: tail, as: UTF8.self)) }

    /// Closes the file.
    func close() { Glibc.close(file.rawValue) }

    private static func open(_ path: String) throws -> (FileDescriptor, Int) {
        do {
            let file = try FileDescriptor.open(
                FilePath(path),
                .writeOnly,
                options: [.create, .append, .closeOnExec, .noFollow],
                permissions: [.ownerReadWrite]
            )
            return (file, Int(try file.seek(offset: 0, from: .end)))
        } catch {
            throw PrivateServerError(.folderUnusable, "\(path) cannot be opened", detail: "\(error)")
        }
    }
}
