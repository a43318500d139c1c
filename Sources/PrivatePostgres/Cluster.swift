import Glibc

/// Makes PostgreSQL's data folder.
struct Cluster {
    let folder: ServerFolder
    let binaries: ServerBinaries
    let account: ServerAccount?

    /// Makes it beside its place and moves it there when it is whole, so that a start killed halfway leaves nothing that
    /// looks like one.
    ///
    /// Log-in is by the socket's folder, which only the account can enter; over TCP only with a password, and none is set.
    func create(isDurable: Bool) async throws {
        let unfinished = folder.unfinishedCluster
        try await Tool(path: "/bin/rm", account: account).output(["-rf", "--", unfinished + "/"])
        try folder.makeFolder(unfinished, account: account)
        var arguments = [
            "--pgdata=\(unfinished)", "--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C", "--data-checksums", "--no-instructions",
        ]
        if !isDurable { arguments.append("--no-sync") }
        try await Tool(path: binaries.path(of: "initdb"), account: account).output(arguments)
        guard rename(unfinished, folder.cluster) == 0 else {
            throw PrivateServerError(
                .folderUnusable, "\(unfinished) cannot be moved to \(folder.cluster)", detail: FileSystem.lastError)
        }
    }
}
