package import Postgres

/// A backend as the database knows it.
package struct BackendOverview: Sendable {
    /// As deployments name it.
    package var name: String
    /// What is recorded of its file; nil when no worker has loaded it yet.
    package var record: BackendRecord?
    /// When that was recorded.
    package var recordedAt: Timestamp?
    /// Deployments that run on it.
    package var deployments: [String]
    /// Workers of those that are alive.
    package var workersLive: Int32
    /// How often in a row workers could not load or start it.
    package var failures: Int64
    /// The last of them: the deployment, the host and the reason.
    package var lastFailure: String?
    package var lastFailureAt: Timestamp?
}

/// What is recorded of a backend's file.
package struct BackendRecord: Sendable, Hashable {
    /// Lower-case hex.
    package var sha256: String
    package var version: String
    package var abi: String
    /// Kinds of requests it answers.
    package var capabilities: [String]
    package var canStream: Bool?
    package var maximumConcurrency: Int32?
    /// Where the file was, on `host`.
    package var path: String?
    package var host: String?

    package init(
        sha256: String, version: String, abi: String, capabilities: [String], canStream: Bool? = nil,
        maximumConcurrency: Int32? = nil, path: String? = nil, host: String? = nil
    ) {
        self.sha256 = sha256
        self.version = version
        self.abi = abi
        self.capabilities = capabilities
        self.canStream = canStream
        self.maximumConcurrency = maximumConcurrency
        self.path = path
        self.host = host
    }
}

extension Queue {
    private static let recordStatement = Statement(
        "record_backend",
        """
        select sluice.record_backend($1::text, $2::text, $3::text, $4::text, $5::text[], $6::boolean, $7::text, $8::text,
            $9::boolean, $10::int)
        """)
    private static let refusedStatement = Statement(
        "backend_refused", "select sluice.backend_refused($1::bigint, $2::text, $3::text, $4::text)")
    private static let loadedStatement = Statement("backend_loaded", "select sluice.backend_loaded($1::bigint)")
    private static let backendsStatement = Statement("backends", "select * from sluice.backends()")

    /// Records the file of the backend `name` when it is first seen, or to replace what is recorded.
    ///
    /// - Returns: the SHA-256 that may be loaded.
    package func recordBackend(
        _ name: String, _ record: BackendRecord, replacing: Bool = false
    ) async throws(QueueError) -> String {
        let rows = try await call(Self.recordStatement) {
            $0.append(name)
            $0.append(record.sha256)
            $0.append(record.version)
            $0.append(record.abi)
            $0.append(record.capabilities)
            $0.append(replacing)
            $0.append(record.path)
            $0.append(record.host)
            $0.append(record.canStream)
            $0.append(record.maximumConcurrency)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }

    /// Records that `worker` could not load or start its backend.
    ///
    /// - Parameters:
    ///   - code: a word for scripts, such as `backend_digest_mismatch`.
    ///   - reason: a sentence for people, without secrets; cut at 500 characters.
    ///   - sha256: of the file that was found, if one was.
    package func backendRefused(
        worker: Int64, code: String, reason: String, sha256: String?
    ) async throws(QueueError) {
        _ = try await call(Self.refusedStatement) {
            $0.append(worker)
            $0.append(code)
            $0.append(reason)
            $0.append(sha256)
        }
    }

    /// `worker` has loaded and started its backend: earlier failures are over.
    package func backendLoaded(worker: Int64) async throws(QueueError) {
        _ = try await call(Self.loadedStatement) { $0.append(worker) }
    }

    /// Every backend that is recorded, used by a deployment, or could not be loaded, by name.
    package func backends() async throws(QueueError) -> [BackendOverview] {
        let rows = try await call(Self.backendsStatement)
        return try decoding { () throws(PostgresError) in
            var found: [BackendOverview] = []
            for row in rows { found.append(try BackendOverview(row)) }
            return found
        }
    }
}

extension BackendOverview {
    init(_ row: Row) throws(PostgresError) {
        var record: BackendRecord?
        if let sha256: String = try row.decode(6, as: String?.self) {
            record = BackendRecord(
                sha256: sha256, version: try row.decode(1), abi: try row.decode(2), capabilities: try row.decode(3),
                canStream: try row.decode(4), maximumConcurrency: try row.decode(5), path: try row.decode(7),
                host: try row.decode(8))
        }
        self.init(
            name: try row.decode(0), record: record, recordedAt: try row.decode(9), deployments: try row.decode(10),
            workersLive: try row.decode(11), failures: try row.decode(12), lastFailure: try row.decode(13),
            lastFailureAt: try row.decode(14))
    }
}
