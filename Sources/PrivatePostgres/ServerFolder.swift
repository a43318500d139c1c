import FoundationEssentials
import Glibc

/// The folder of one private server and what is where in it:
///
/// - `cluster/`: PostgreSQL's own data folder, owned by the server's account
/// - `run/`: the unix socket (or `socket-directory`, which names a shorter place)
/// - `server.log`, `server.log.1`: what the server says
/// - `lock`: held by the process that runs the server
struct ServerFolder: Sendable {
    /// Room in a socket address, without the terminating zero.
    static let socketPathLimit = 107

    /// Absolute, links resolved.
    let path: String

    var cluster: String { "\(path)/cluster" }
    var unfinishedCluster: String { "\(path)/cluster.new" }
    var log: String { "\(path)/server.log" }
    var lock: String { "\(path)/lock" }
    private var socketRecord: String { "\(path)/socket-directory" }

    /// The folder at `path`, made when it is not there.
    init(creating path: String) throws {
        do {
            let isNew = !FileSystem.exists(path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            // The server's account has to get through, whatever our umask is; nobody else sees what is in it.
            if isNew { chmod(path, geteuid() == 0 ? 0o711 : 0o700) }
        } catch {
            throw PrivateServerError(.folderUnusable, "The folder \(path) cannot be made", detail: "\(error)")
        }
        try self.init(existing: path)
    }

    /// The folder at `path`, which must be there.
    init(existing path: String) throws {
        guard let resolved = FileSystem.resolved(path) else {
            throw PrivateServerError(.folderUnusable, "The folder \(path) is not there", detail: FileSystem.lastError)
        }
        self.path = resolved
    }

    /// The major version of PostgreSQL that made the data folder, nil when there is none yet.
    var majorVersion: Int? { FileSystem.text(of: "\(cluster)/PG_VERSION").flatMap { Int($0.prefix { $0.isNumber }) } }

    /// What the server last wrote about itself, nil when it is down.
    var postmaster: PostmasterFile? { FileSystem.text(of: "\(cluster)/postmaster.pid").flatMap { PostmasterFile($0) } }

    /// A folder for the socket that is short enough, owned by the server's account and closed to others.
    func makeSocketDirectory(port: Int, account: ServerAccount?) throws -> String {
        let inside = "\(path)/run"
        if Self.fits(inside, port: port) {
            try makeFolder(inside, account: account)
            return inside
        }
        let owner = account?.userID ?? geteuid()
        if let recorded = FileSystem.text(of: socketRecord), let status = FileSystem.status(of: recorded),
            status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o777 == 0o700, status.st_uid == owner
        {
            return recorded
        }
        var template = Array("/tmp/sluice-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw PrivateServerError(.folderUnusable, "No folder can be made in /tmp", detail: FileSystem.lastError)
        }
        let short = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self) }
        try own(short, account: account)
        do {
            try Data(short.utf8).write(to: URL(filePath: socketRecord), options: .atomic)
        } catch {
            throw PrivateServerError(.folderUnusable, "\(socketRecord) cannot be written", detail: "\(error)")
        }
        return short
    }

    /// Whether a socket in `folder` has a name the system can bind.
    static func fits(_ folder: String, port: Int) -> Bool {
        "\(folder)/.s.PGSQL.\(port)".utf8.count <= socketPathLimit
    }

    /// Makes a folder that only the server's account can enter.
    func makeFolder(_ path: String, account: ServerAccount?) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw PrivateServerError(.folderUnusable, "The folder \(path) cannot be made", detail: FileSystem.lastError)
        }
        try own(path, account: account)
    }

    private func own(_ path: String, account: ServerAccount?) throws {
        guard let account else { return }
        guard lchown(path, account.userID, account.groupID) == 0 else {
            throw PrivateServerError(
                .folderUnusable, "\(path) cannot be given to postgres", detail: FileSystem.lastError)
        }
    }
}
