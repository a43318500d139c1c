/// The SQL of this version of Sluice, embedded in the binary.
package enum SQLFiles {
    /// A numbered migration: applied once, never changed afterwards.
    package struct Migration: Sendable {
        /// From 1, rising.
        package let version: Int32
        /// The file's name.
        package let name: String
        /// UTF-8.
        package let sql: [UInt8]
    }

    /// Every migration, in order.
    package static let migrations = [
        Migration(version: 1, name: "0001_schema", sql: PackageResources._001_schema_sql),
        Migration(version: 2, name: "0002_streams", sql: PackageResources._002_streams_sql),
        Migration(version: 3, name: "0003_gateway", sql: PackageResources._003_gateway_sql),
        Migration(version: 4, name: "0004_backends", sql: PackageResources._004_backends_sql),
        Migration(version: 5, name: "0005_fleet", sql: PackageResources._005_fleet_sql),
        Migration(version: 6, name: "0006_usage", sql: PackageResources._006_usage_sql),
        Migration(version: 7, name: "0007_webhooks", sql: PackageResources._007_webhooks_sql),
        Migration(version: 8, name: "0008_limits", sql: PackageResources._008_limits_sql),
        Migration(version: 9, name: "0009_files", sql: PackageResources._009_files_sql),
        Migration(version: 10, name: "0010_batches", sql: PackageResources._010_batches_sql),
        Migration(version: 11, name: "0011_controller", sql: PackageResources._011_controller_sql),
        Migration(version: 12, name: "0012_batch_orders", sql: PackageResources._012_batch_orders_sql),
        Migration(version: 13, name: "0013_database_life", sql: PackageResources._013_database_life_sql),
        Migration(version: 14, name: "0014_scaling", sql: PackageResources._014_scaling_sql),
        Migration(version: 15, name: "0015_experiments", sql: PackageResources._015_experiments_sql),
        Migration(
            version: 16, name: "0016_deployment_limits", sql: PackageResources._016_deployment_limits_sql),
        Migration(version: 17, name: "0017_fallbacks", sql: PackageResources._017_fallbacks_sql),
        Migration(version: 18, name: "0018_hedges", sql: PackageResources._018_hedges_sql),
        Migration(version: 19, name: "0019_scaling_money", sql: PackageResources._019_scaling_money_sql),
        Migration(
            version: 20, name: "0020_attempts_and_audit", sql: PackageResources._020_attempts_and_audit_sql),
        Migration(version: 21, name: "0021_overtaken", sql: PackageResources._021_overtaken_sql),
        Migration(version: 22, name: "0022_release", sql: PackageResources._022_release_sql),
        Migration(version: 23, name: "0023_stalled", sql: PackageResources._023_stalled_sql),
        Migration(version: 24, name: "0024_spill_over", sql: PackageResources._024_spill_over_sql),
        Migration(
            version: 25, name: "0025_scaling_takeover", sql: PackageResources._025_scaling_takeover_sql),
    ]

    /// The function files, in the order they are applied: each may be applied again at any time.
    package static let functions: [(name: String, sql: [UInt8])] = [
        ("registers", PackageResources.registers_sql),
        ("admin", PackageResources.admin_sql),
        ("backends", PackageResources.backends_sql),
        ("webhooks", PackageResources.webhooks_sql),
        ("enqueue", PackageResources.enqueue_sql),
        ("claim", PackageResources.claim_sql),
        ("finish", PackageResources.finish_sql),
        ("jobs", PackageResources.jobs_sql),
        ("workers", PackageResources.workers_sql),
        ("streams", PackageResources.streams_sql),
        ("gateway", PackageResources.gateway_sql),
        ("runpod", PackageResources.runpod_sql),
        ("limits", PackageResources.limits_sql),
        ("files", PackageResources.files_sql),
        ("batches", PackageResources.batches_sql),
        ("file_batches", PackageResources.file_batches_sql),
        ("maintenance", PackageResources.maintenance_sql),
        ("fleet", PackageResources.fleet_sql),
        ("controller", PackageResources.controller_sql),
        ("rollouts", PackageResources.rollouts_sql),
        ("hosts", PackageResources.hosts_sql),
        ("scaling", PackageResources.scaling_sql),
        ("scaling_look", PackageResources.scaling_look_sql),
        ("experiments", PackageResources.experiments_sql),
        ("deployment_limits", PackageResources.deployment_limits_sql),
        ("spill_over", PackageResources.spill_over_sql),
        ("fallbacks", PackageResources.fallbacks_sql),
        ("retries", PackageResources.retries_sql),
        ("hedges", PackageResources.hedges_sql),
        ("roles", PackageResources.roles_sql),
        ("invariants", PackageResources.invariants_sql),
    ]
}
