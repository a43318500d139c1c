import Glibc

extension PrivateServer {
    /// Where the server that now runs on `dataDirectory` listens, whichever process runs it. Starts nothing.
    ///
    /// - Throws: `PrivateServerError` with `notRunning` when none does, or it is still starting.
    package static func address(ofServerIn dataDirectory: String) throws -> ServerAddress {
        guard FileSystem.exists(dataDirectory) else { throw notRunning(dataDirectory) }
        let folder = try ServerFolder(existing: dataDirectory)
        guard let postmaster = folder.postmaster, postmaster.isReady, let address = postmaster.address,
            kill(postmaster.processID, 0) == 0 || errno == EPERM
        else { throw notRunning(dataDirectory) }
        return address
    }

    /// The libpq connection string of `database` on the server that now runs on `dataDirectory`.
    ///
    /// - Throws: `PrivateServerError` with `notRunning` when none does.
    package static func connectionString(
        ofServerIn dataDirectory: String,
        database: String = databaseName
    ) throws -> String {
        try address(ofServerIn: dataDirectory).connectionString(database: database)
    }

    private static func notRunning(_ dataDirectory: String) -> PrivateServerError {
        PrivateServerError(
            .notRunning,
            "No database runs in \(dataDirectory): start one with sluice up --data \(dataDirectory)"
        )
    }
}
