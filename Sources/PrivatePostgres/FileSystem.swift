import FoundationEssentials
import Glibc

/// The few file operations the server's folder needs; nil or empty where a file is absent, which is no error here.
enum FileSystem {
    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The absolute path with every link resolved, or nil when nothing is there.
    static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    static func entries(of folder: String) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder) } catch { return [] }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The text of a small file, or nil when it cannot be read now.
    static func text(of path: String) -> String? {
        do { return try String(contentsOfFile: path, encoding: .utf8) } catch { return nil }
    }

    /// The mode and owner of what is at `path`, not following a link there.
    static func status(of path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// What the last failed call said.
    static var lastError: String { String(cString: strerror(errno)) }

    /// Memory this process may use: the machine's, or its control group's if that is less.
    static func memoryBytes() -> Int {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        guard let text = text(of: "/sys/fs/cgroup/memory.max"), let group = Int(text.prefix { $0.isNumber }) else {
            return machine
        }
        return min(machine, group)
    }
}
