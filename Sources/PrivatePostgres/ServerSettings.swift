/// The server settings a private server starts with. Pure: from what the caller wants and the machine's memory to the
/// arguments of `postgres`.
///
/// They are arguments and not a file, so that a new version of Sluice brings its own without touching what an operator
/// wrote into `postgresql.conf` or set with `ALTER SYSTEM`.
struct ServerSettings {
    var maximumConnections: Int
    var port: Int
    var listensOnTCP: Bool
    var isDurable: Bool
    /// What the machine, or this process's control group, has.
    var memoryBytes: Int

    /// Settings by name. Values are as `postgres -c name=value` takes them.
    func values(socketDirectory: String) -> [(name: String, value: String)] {
        let buffers = min(max(memoryBytes / 8, 64 << 20), 1 << 30) >> 20
        let cache = min(max(memoryBytes / 2, 128 << 20), 32 << 30) >> 20
        var values = [
            ("unix_socket_directories", Self.quotedPath(socketDirectory)),
            ("unix_socket_permissions", "0700"),
            ("port", "\(port)"),
            ("listen_addresses", listensOnTCP ? "127.0.0.1" : ""),
            ("cluster_name", "sluice"),
            ("max_connections", "\(maximumConnections)"),
            // A worker's death is noticed by its session's end, so an idle or busy session looks at its socket often.
            ("client_connection_check_interval", "500ms"),
            ("shared_buffers", "\(buffers)MB"),
            ("effective_cache_size", "\(cache)MB"),
            ("random_page_cost", "1.1"),
            // A commit that was acknowledged is never lost.
            ("synchronous_commit", "on"),
            ("wal_buffers", "16MB"),
            ("wal_compression", "on"),
            ("min_wal_size", "256MB"),
            ("max_wal_size", "4GB"),
            ("checkpoint_timeout", "10min"),
            // The queue's statements are short: compiling them never pays.
            ("jit", "off"),
            // Hot tables churn: look for garbage often.
            ("autovacuum_naptime", "5s"),
            ("autovacuum_vacuum_cost_delay", "1ms"),
            ("max_locks_per_transaction", "128"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("lc_messages", "C"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
            ("log_checkpoints", "off"),
            ("log_line_prefix", "%m [%p] %a "),
            // Parameters are people's prompts.
            ("log_parameter_max_length", "0"),
            ("log_parameter_max_length_on_error", "0"),
        ]
        if !isDurable {
            values += [("fsync", "off"), ("full_page_writes", "off")]
        }
        return values.map { (name: $0.0, value: $0.1) }
    }

    /// The setting is a list of folders: a name with a comma or a blank needs quotes.
    private static func quotedPath(_ path: String) -> String {
        "\"" + path.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
