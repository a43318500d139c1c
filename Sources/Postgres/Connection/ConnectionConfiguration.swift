internal import CPostgres

/// Where to connect, as whom, and within which limits.
package struct ConnectionConfiguration: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// What stands between this process and the server.
    package enum Pooler: String, Sendable, Hashable, CaseIterable {
        /// Nothing, or a pooler in session mode.
        case none
        /// A pooler such as pgbouncer in transaction mode: no named prepared statements, no LISTEN, no session state, and
        /// statement time-outs kept by this side.
        case transaction
    }

    /// What the server shows in `pg_stat_activity`.
    ///
    /// Default: what the connection string says.
    package var applicationName: String?
    /// What stands in between.
    ///
    /// Default: nothing.
    package var pooler = Pooler.none
    /// The longest a statement may run, then it fails with `.timedOut`.
    ///
    /// Default: what the server says, usually for ever.
    package var statementTimeout: Duration?
    /// The longest a statement may wait for a lock, then it fails with SQLSTATE 55P03.
    ///
    /// Default: what the server says. Not available through a transaction pooler.
    package var lockTimeout: Duration?
    /// The longest one host may take to be connected to.
    ///
    /// With several hosts each has this long. Default: 10 s.
    package var connectTimeout: Duration = .seconds(10)
    /// How long a TCP connection is idle before the kernel asks whether the peer is there.
    ///
    /// Default: 15 s.
    package var keepaliveIdle: Duration = .seconds(15)
    /// How long the kernel waits between such questions.
    ///
    /// Default: 5 s.
    package var keepaliveInterval: Duration = .seconds(5)
    /// How many such questions may stay unanswered.
    ///
    /// Default: 3.
    package var keepaliveCount = 3
    /// The longest sent data may stay unacknowledged.
    ///
    /// Default: 30 s.
    package var tcpUserTimeout: Duration = .seconds(30)
    /// How many queries may be on their way at once; callers above that wait.
    ///
    /// Default: 1,024.
    package var maximumPipelinedQueries = 1024
    /// How many callers may wait; one more fails with `.tooManyPending`.
    ///
    /// Default: 65,536.
    package var maximumWaitingQueries = 65_536
    /// How many statements stay prepared; the one longest unused makes room.
    ///
    /// Default: 256.
    package var maximumPreparedStatements = 256
    /// How many notifications are kept for a slow reader.
    ///
    /// Default: 1,024.
    package var maximumBufferedNotifications = 1024

    /// The settings of the connection string, by libpq's keywords.
    private let settings: [(keyword: String, value: String)]

    /// The configuration of a connection string: `host=… dbname=…` or a URL `postgresql://…`.
    ///
    /// What it leaves out comes from the environment (`PGHOST`, `PGPASSWORD`, the password file), as in every program
    /// that uses libpq.
    ///
    /// Throws `.invalidConfiguration` with one sentence that quotes nothing which might be a password.
    package init(_ conninfo: String) throws(PostgresError) {
        guard !conninfo.utf8.contains(0) else {
            throw PostgresError(.invalidConfiguration, "the connection string contains a NUL byte")
        }
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = unsafe PQconninfoParse(conninfo, &message) else {
            let text = unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(message)
            throw PostgresError(
                .invalidConfiguration,
                "the connection string is malformed: \(Self.withoutQuotedSecrets(text))"
            )
        }
        defer { unsafe PQconninfoFree(parsed) }
        var settings: [(String, String)] = []
        var option = unsafe parsed
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe settings.append((String(cString: keyword), String(cString: value)))
            }
            unsafe option += 1
        }
        self.settings = settings
    }

    /// The settings without passwords.
    package var description: String {
        settings.map { Self.isSecret($0.keyword) ? "\($0.keyword)=***" : "\($0.keyword)=\($0.value)" }
            .joined(separator: " ")
    }

    /// The same as `description`.
    package var debugDescription: String { description }
    /// Shows the description only, so that `dump` prints no password.
    package var customMirror: Mirror { Mirror(self, children: ["settings": description]) }

    /// A setting of the connection string, by libpq's keyword.
    ///
    /// Never a password.
    package func setting(_ keyword: String) -> String? {
        Self.isSecret(keyword) ? nil : settings.first { $0.keyword == keyword }?.value
    }

    /// How long a statement may run before this side stops it, and how long until the connection is given up.
    var watchdog: (cancel: Duration?, abandon: Duration)? {
        guard let timeout = statementTimeout else { return nil }
        return pooler == .transaction ? (timeout, timeout + .seconds(10)) : (nil, timeout + .seconds(10))
    }

    /// All that libpq is told.
    func connectionSettings() -> [(String, String)] {
        var all = settings.filter { $0.keyword != "options" }.map { ($0.keyword, $0.value) }
        func set(_ keyword: String, _ value: String, replacing: Bool = false) {
            if let index = all.firstIndex(where: { $0.0 == keyword }) {
                if replacing { all[index].1 = value }
            } else {
                all.append((keyword, value))
            }
        }
        if let applicationName { set("application_name", applicationName, replacing: true) }
        set("client_encoding", "UTF8", replacing: true)
        set("keepalives_idle", "\(max(1, keepaliveIdle.nanoseconds / 1_000_000_000))")
        set("keepalives_interval", "\(max(1, keepaliveInterval.nanoseconds / 1_000_000_000))")
        set("keepalives_count", "\(max(1, keepaliveCount))")
        set("tcp_user_timeout", "\(max(1, tcpUserTimeout.nanoseconds / 1_000_000))")
        var options = setting("options").map { [$0] } ?? []
        if pooler == .none {
            if let statementTimeout { options.append("-c statement_timeout=\(Self.milliseconds(statementTimeout))") }
            if let lockTimeout { options.append("-c lock_timeout=\(Self.milliseconds(lockTimeout))") }
        }
        if !options.isEmpty { all.append(("options", options.joined(separator: " "))) }
        return all
    }

    /// `text` with every secret of this configuration replaced.
    func redact(_ text: String) -> String {
        var text = text
        for (keyword, value) in settings where Self.isSecret(keyword) && !value.isEmpty {
            // A password that is also the user's name is no secret, and hiding it would garble the sentence.
            guard !settings.contains(where: { !Self.isSecret($0.keyword) && $0.value == value }) else { continue }
            text = text.split(separator: value, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return text
    }

    private static func isSecret(_ keyword: String) -> Bool { keyword == "password" || keyword == "sslpassword" }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        // 0 would mean no limit.
        min(Int64(Int32.max), max(1, duration.nanoseconds / 1_000_000))
    }

    /// libpq quotes the part of the string it stumbled over, which can be a piece of a password or the whole URL.
    ///
    /// Only the names of unknown options may be shown.
    private static func withoutQuotedSecrets(_ message: String) -> String {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        guard !line.hasPrefix("invalid connection option"), !line.hasPrefix("invalid URI query parameter") else {
            return line
        }
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count > 2 else { return line }
        let shown = parts.enumerated().map { $0.offset % 2 == 1 && $0.element.count > 1 ? "…" : String($0.element) }
        return shown.joined(separator: "\"")
    }
}
