import Glibc

/// The unix account the server runs under. PostgreSQL refuses to run as root, and so do we.
struct ServerAccount: Sendable, Equatable {
    let userID: uid_t
    let groupID: gid_t

    /// The account to switch to: `postgres` when this process is root, nil when it stays as it is.
    static func current() throws -> ServerAccount? {
        guard geteuid() == 0 else { return nil }
        guard let entry = getpwnam("postgres") else {
            throw PrivateServerError(
                .noAccount,
                "A database server must not run as root and there is no account named postgres to run it under: "
                    + "apt-get install postgresql, or start Sluice as another user"
            )
        }
        return ServerAccount(userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid)
    }

    /// Options of `setpriv` that make a program run under this account and no other group.
    ///
    /// Not Subprocess's `userID`: it calls glibc's `setgroups` between fork and exec, which waits for every thread of this
    /// process, and so for ever when one was just being made.
    var privileges: [String] { ["--reuid=\(userID)", "--regid=\(groupID)", "--clear-groups"] }

    /// Checks that this account can walk to `path`, whose links are resolved.
    ///
    /// - Throws: `PrivateServerError` with `folderUnusable`, naming the folder that is in the way.
    func checkAccess(to path: String) throws {
        var folder = path
        while folder != "/" {
            if let status = FileSystem.status(of: folder) {
                let bit: mode_t =
                    status.st_uid == userID ? S_IXUSR : status.st_gid == groupID ? S_IXGRP : S_IXOTH
                guard status.st_mode & bit != 0 else {
                    throw PrivateServerError(
                        .folderUnusable,
                        "The database runs as the account postgres, which cannot enter \(folder): "
                            + "choose another data folder, or chmod o+x \(folder)"
                    )
                }
            }
            folder = FileSystem.parent(of: folder)
        }
    }
}
