import Logging
import Postgres
import Queue
import Supervisor
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct MaintenanceTests {
    @Test(.database) func `due jobs are queued, expired ones ended, the dead reaped`() async throws {
        try await Stage.with(workers: 0) { stage in
            let queue = stage.queue
            let ids = try await ids(
                stage,
                """
                select sluice.enqueue('m', '{}', run_at => now() + interval '1 hour')
                union all select sluice.enqueue('m', '{}', deadline => now() + interval '1 hour')
                """)
            let worker = try await queue.workerStarted(deployment: "d", host: "here", processID: 1, direct: false)
                .worker
            // The test server has only just started, and just after a start nobody is declared dead.
            try await stage.connection.execute(
                script: """
                    update sluice.setting set value = 0 where name = 'restart_grace_ms';
                    update sluice.worker_heartbeat set beat_at = now() - interval '1 hour';
                    update sluice.scheduled set due_at = now();
                    update sluice.deadline set deadline_at = now();
                    """)
            let maintenance = Maintenance(
                database: try ConnectionConfiguration(stage.url), logger: stage.recorder.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await maintenance.run() }
                try await eventually("the one that is due is queued") {
                    try await stage.text("select 'yes' from sluice.ready where id = \(ids[0])") != nil
                }
                try await eventually("the late one is ended") {
                    try await stage.text("select state::text from sluice.result where id = \(ids[1])") == "expired"
                }
                try await eventually("the dead worker is reaped") {
                    try await stage.text("select state::text from sluice.worker where id = \(worker)") == "dead"
                }
                group.cancelAll()
            }
            #expect(!stage.recorder.entries.contains { $0.message.contains("failed") })
        }
    }

    private func ids(_ stage: Stage, _ sql: String) async throws -> [Int64] {
        try await stage.connection.query(Statement("enqueue_two", sql)).map { try $0.decode(0) }
    }
}
