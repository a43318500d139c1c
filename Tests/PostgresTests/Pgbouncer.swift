import FoundationEssentials
import Glibc
import Subprocess
import TestSupport

/// A pgbouncer in transaction mode in front of a server that wants the password `hunter2` of `app`.
struct Pgbouncer {
    private let folder: TemporaryFolder
    private let port: Int
    private let account: Account?

    /// Whom to become, since pgbouncer refuses to run as root. Nothing to become for anybody else.
    struct Account {
        var user: uid_t
        var group: gid_t
    }

    /// Nil when pgbouncer is not installed; else the account to run it as.
    static func account() async throws -> Account?? {
        let path = "/usr/sbin/pgbouncer"
        guard access(path, X_OK) == 0 else {
            print("pgbouncer is not installed (apt-get install pgbouncer): not tried")
            return nil
        }
        guard getuid() == 0 else { return .some(nil) }
        guard let entry = getpwnam("postgres") else { return nil }
        return Account(user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
    }

    init(_ folder: TemporaryFolder, server: Int, account: Account?) throws {
        let probe = try SilentListener()
        port = probe.port
        probe.close()
        self.folder = folder
        self.account = account
        let settings = """
            [databases]
            * = host=127.0.0.1 port=\(server)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = plain
            auth_file = \(folder.path)/users
            pool_mode = transaction
            default_pool_size = 3
            """
        try Data(settings.utf8).write(to: URL(filePath: folder.path + "/pgbouncer.ini"))
        try Data("\"app\" \"hunter2\"\n".utf8).write(to: URL(filePath: folder.path + "/users"))
    }

    /// Runs it while `body` does.
    func withRunning(_ body: @Sendable (String) async throws -> Void) async throws {
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        try await withThrowingTaskGroup(of: Void.self) { [options] group in
            group.addTask {
                _ = try await run(
                    .name(account == nil ? "/usr/sbin/pgbouncer" : "setpriv"),
                    arguments: Arguments(
                        (account.map {
                            [
                                "--reuid=\($0.user)", "--regid=\($0.group)", "--clear-groups", "--",
                                "/usr/sbin/pgbouncer",
                            ]
                        } ?? []) + ["\(folder.path)/pgbouncer.ini"]),
                    platformOptions: options,
                    output: .discarded,
                    error: .discarded
                )
            }
            try await body("host=127.0.0.1 port=\(port) user=app password=hunter2 dbname=postgres")
            group.cancelAll()
            do { try await group.waitForAll() } catch {}
        }
    }
}
