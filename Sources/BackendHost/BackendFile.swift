internal import Crypto
internal import Glibc

/// A backend's file that was found fit to be loaded: where it is, and what it contained.
package struct BackendFile: Sendable, Hashable {
    /// The absolute path, symbolic links resolved.
    package let path: String
    /// The SHA-256 of the content, 64 lower-case hexadecimal digits.
    package let sha256: String

    /// More than this is not a library somebody meant.
    package static let maximumBytes = 4 << 30

    /// Resolves `path` and checks that the file may be trusted.
    ///
    /// It must lie in (or below) one of `allowedDirectories`, be a regular file of root or of the current user that neither
    /// group nor others may write, in a directory others may not write (unless sticky), and have the content that was
    /// recorded, if one was. Missing allowed directories are passed over.
    /// - Throws: `notFound`, `notTrusted`, `unreadable`, `digestMismatch`.
    package static func verify(
        path: String,
        allowedDirectories: [String],
        expectedSHA256: String? = nil
    ) throws(BackendError) -> BackendFile {
        guard let resolved = resolve(path) else {
            throw BackendError(.notFound, "there is no such backend file", ["path": path], cause: lastError())
        }
        let directories = allowedDirectories.compactMap(resolve)
        guard directories.contains(where: { resolved.hasPrefix($0 == "/" ? $0 : $0 + "/") }) else {
            throw BackendError(
                .notTrusted,
                "the backend is not in an allowed directory",
                ["path": resolved, "allowed": allowedDirectories.joined(separator: ":")]
            )
        }
        let digest = try digest(of: resolved)
        if let expectedSHA256, expectedSHA256.lowercased() != digest {
            throw mismatch(path: resolved, recorded: expectedSHA256, found: digest)
        }
        return BackendFile(path: resolved, sha256: digest)
    }

    /// Checks the file again, as it is now: permissions and content.
    func recheck() throws(BackendError) {
        let digest = try Self.digest(of: path)
        guard digest == sha256 else { throw Self.mismatch(path: path, recorded: sha256, found: digest) }
    }

    static func mismatch(path: String, recorded: String, found: String) -> BackendError {
        BackendError(
            .digestMismatch,
            "the backend's content is not what was recorded",
            ["path": path, "recorded": recorded, "found": found]
        )
    }

    /// Opens, checks and hashes in one go, so that the checks and the digest speak of the same file.
    private static func digest(of path: String) throws(BackendError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw BackendError(.unreadable, "the backend file cannot be opened", ["path": path], cause: lastError())
        }
        defer { close(descriptor) }
        try checkOwnership(descriptor, path: path)
        var hash = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { unsafe buffer.deallocate() }
        while true {
            let count = unsafe read(descriptor, buffer.baseAddress, buffer.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw BackendError(.unreadable, "the backend file cannot be read", ["path": path], cause: lastError())
            }
            unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self
        )
    }

    private static func checkOwnership(_ descriptor: Int32, path: String) throws(BackendError) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw BackendError(.unreadable, "the backend file cannot be examined", ["path": path], cause: lastError())
        }
        func distrust(_ message: String) -> BackendError {
            BackendError(
                .notTrusted,
                message,
                ["path": path, "mode": String(status.st_mode & 0o7777, radix: 8), "owner": "\(status.st_uid)"]
            )
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw distrust("the backend is not a regular file") }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw distrust("the backend belongs to another user: root or the current one must own it")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw distrust("the backend can be changed by others: take their write permission away")
        }
        guard status.st_size <= maximumBytes else { throw distrust("the backend file is larger than 4 GiB") }
        var directory = stat()
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        guard unsafe stat(parent.isEmpty ? "/" : parent, &directory) == 0, directory.st_mode & 0o1002 != 0o0002 else {
            throw distrust("the backend's directory can be changed by everybody: take that permission away")
        }
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func lastError() -> String { unsafe String(cString: strerror(errno)) }
}
