import Glibc
import SystemPackage

/// Holds a server's folder for this process. The system lets go of it when the process ends, however it ends.
struct FolderLock {
    private let file: FileDescriptor

    /// Takes the lock file at `path`.
    ///
    /// - Throws: `PrivateServerError` with `folderInUse` when another server object holds it, here or elsewhere.
    init(path: String) throws {
        do {
            file = try FileDescriptor.open(
                FilePath(path),
                .readWrite,
                options: [.create, .closeOnExec, .noFollow],
                permissions: [.ownerReadWrite, .groupRead, .otherRead]
            )
        } catch {
            throw PrivateServerError(.folderUnusable, "\(path) cannot be opened", detail: "\(error)")
        }
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            let holder = FileSystem.text(of: path) ?? ""
            release()
            throw PrivateServerError(
                .folderInUse,
                "Another Sluice process\(holder.isEmpty ? "" : " (\(holder))") already runs the database in "
                    + "\(FileSystem.parent(of: path)): stop it, or choose another data folder"
            )
        }
        ftruncate(file.rawValue, 0)
        let text = "process \(getpid())"
        _ = text.withCString { pwrite(file.rawValue, $0, text.utf8.count, 0) }
    }

    /// Lets the folder go.
    func release() {
        // Nothing can be done about a failed close, and the descriptor is gone either way.
        close(file.rawValue)
    }
}
