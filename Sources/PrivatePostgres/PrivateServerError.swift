/// Why a private server could not be started, reached or stopped. `description` is one sentence that names the fix.
package struct PrivateServerError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Code: String, Sendable {
        /// No usable PostgreSQL server is installed.
        case serverNotInstalled = "server_not_installed"
        /// The installed servers cannot read the folder's files.
        case wrongVersion = "wrong_version"
        /// Another process uses the folder.
        case folderInUse = "folder_in_use"
        /// The folder cannot be used: permissions, a full disk, a path that is no folder.
        case folderUnusable = "folder_unusable"
        /// Started as root, and there is no account to run the server under.
        case noAccount = "no_account"
        /// A program of PostgreSQL failed.
        case toolFailed = "tool_failed"
        /// The server did not accept connections in time.
        case startTimedOut = "start_timed_out"
        /// The server ended although nobody asked it to.
        case exited
        /// No server runs on the folder.
        case notRunning = "not_running"
    }

    /// What kind of failure it is.
    package let code: Code
    /// What happened and what to do about it.
    package let message: String
    /// What PostgreSQL or the system said, at most a few lines. Empty when nothing did.
    package let detail: String

    init(_ code: Code, _ message: String, detail: String = "") {
        self.code = code
        self.message = message
        self.detail = detail
    }

    package var description: String { detail.isEmpty ? message : "\(message): \(detail)" }
}
