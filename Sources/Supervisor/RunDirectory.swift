import FoundationEssentials
import Glibc

/// The folder of the slot boards.
struct RunDirectory: Sendable {
    let path: String

    /// Makes it, readable by this account alone, and removes the boards of supervisors that are gone.
    ///
    /// - Throws: what the file system says.
    func prepare() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            let parts = name.split(separator: "-")
            guard parts.count == 3, parts[0] == "worker", name.hasSuffix(".board"), let owner = Int32(parts[1]) else {
                continue
            }
            if owner == getpid() || kill(owner, 0) != 0 && errno == ESRCH { unlink("\(path)/\(name)") }
        }
    }

    /// Where `child` of this process keeps its board.
    func board(of child: Int) -> String { "\(path)/worker-\(getpid())-\(child).board" }
}
