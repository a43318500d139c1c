/// The environment variables that every worker gets, whatever it hosts.
///
/// By name and not by prefix: what a supervisor was started with holds the secrets of all deployments, and a backend is code
/// of strangers.
enum WorkerVariables {
    /// Of those the supervisor has.
    static let needed = system.union(settings).union(database)

    private static let system: Set = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SWIFT_BACKTRACE"]

    /// The settings that a worker reads; those it is always given are added by `Supervisor.Settings`.
    private static let settings: Set = [
        "SLUICE_CONFIG", "SLUICE_DATABASE_POOLER", "SLUICE_DATABASE_CONNECT_TIMEOUT",
        "SLUICE_DATABASE_STATEMENT_TIMEOUT", "SLUICE_WORKER_BUFFER", "SLUICE_WORKER_POLL_INTERVAL",
        "SLUICE_WORKER_DRAIN_GRACE", "SLUICE_WORKER_CANCEL_GRACE", "SLUICE_SUPERVISOR_HEARTBEAT_INTERVAL",
    ]

    /// What libpq reads: the connection string may leave things out.
    private static let database: Set = [
        "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGREQUIREAUTH",
        "PGCHANNELBINDING", "PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGOPTIONS", "PGSSLMODE", "PGSSLNEGOTIATION",
        "PGSSLCERT", "PGSSLKEY", "PGSSLCERTMODE", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLSNI",
        "PGREQUIREPEER", "PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGGSSENCMODE", "PGKRBSRVNAME",
        "PGGSSLIB", "PGGSSDELEGATION", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS",
        "PGMINPROTOCOLVERSION", "PGMAXPROTOCOLVERSION",
    ]
}
