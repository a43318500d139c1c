import BatchFile
import BatchLoading
import Domain
import Postgres
import Queue
import Synchronization
import TestSupport
import Testing

/// Lines that are judged before they are queued.
@Suite(.database(migrated: true), .timeLimit(.minutes(10)))
struct LineGateTests {
    /// Refuses every third line, changes the others, and lets `room` of them in.
    private final class Gate: LineGate {
        final class Pass: LinePass {
            private let gate: Gate

            init(_ gate: Gate) { self.gate = gate }

            func queued() { gate.queued.add(1, ordering: .relaxed) }
        }

        let room: Atomic<Int>
        let queued = Atomic(0)

        init(room: Int) { self.room = Atomic(room) }

        func judge(_ line: BatchLine, isFirst: Bool) async throws -> LineVerdict {
            if line.number.isMultiple(of: 3) {
                return .refused(
                    LineRefusal(
                        errorClass: .invalidRequest, message: "No.",
                        body: Array(#"{"error": {"code": "body_too_large"}}"#.utf8)))
            }
            guard room.load(ordering: .relaxed) > 0 else { return .later }
            room.subtract(1, ordering: .relaxed)
            return .admitted(body: Array(#"{"model": "\#(line.model)", "n": \#(line.number)}"#.utf8), pass: Pass(self))
        }
    }

    private func loader(_ corner: Corner, _ gate: Gate) -> BatchLoader {
        var options = BatchLoader.Options(name: "gated")
        (options.chunkLines, options.gate) = (100, gate)
        return BatchLoader(corner.connection, second: corner.second, options: options)
    }

    @Test func `lines are drawn for an experiment of their model, those that are refused are not`() async throws {
        try await Corner.with { corner in
            var other = DeploymentRequest(model: "alpha", name: "alpha-2", backend: "mock")
            other.workers = 0
            try await corner.queue.putDeployment(other)
            let arms = #"""
                [{"name": "control", "percent": 50}, {"name": "lane", "percent": 40, "deployment": "alpha-2"},
                 {"name": "dark", "percent": 10, "shadow": true}]
                """#
            _ = try await corner.queue.perform(
                .startExperiment(.init("trial", model: "alpha", arms: Array(arms.utf8))), why: "a test")
            let gate = Gate(room: .max)
            let batch = try await corner.load(
                try corner.file(Corner.lines(600), "drawn.jsonl"), loader(corner, gate))
            // Who was drawn follows from the job alone; every line that runs was drawn for once, in its own arm's lane.
            let wrong = """
                select count(*) from sluice.ready r join sluice.job j using (id) join sluice.model m on m.id = j.model_id
                left join sluice.exposure x on x.job_id = r.id left join sluice.arm a on a.id = x.arm_id
                left join sluice.experiment e on e.id = m.experiment_id
                where j.batch_id = \(batch) and (
                    r.bucket <> coalesce(a.lane, sluice.bucket(r.id, null)) or (m.name <> 'alpha') <> (e.id is null)
                    or a.name is distinct from case when e.id is not null and sluice.unit_bucket(e.salt, '#' || r.id) < 5000 then 'control'
                        when e.id is not null and sluice.unit_bucket(e.salt, '#' || r.id) < 9000 then 'lane' end)
                """
            #expect(try await corner.count(wrong) == 0)
            let inLane = "select count(*) from sluice.ready where batch_id = \(batch) and bucket >= 10000"
            #expect(try await corner.count(inLane) > 20)
            let copies =
                "select count(*) from sluice.exposure x join sluice.job j on j.id = x.copied_from where j.batch_id = \(batch)"
            #expect(try await corner.count(copies) > 0)
            let refused = """
                select count(*) from sluice.exposure x join sluice.result r on r.id in (x.job_id, x.copied_from) and r.state = 'failed'
                """
            #expect(try await corner.count(refused) == 0)
            #expect(try await corner.violations().isEmpty)
        }
    }

    @Test func `lines that are refused have a result and are never queued`() async throws {
        try await Corner.with { corner in
            let gate = Gate(room: .max)
            let file = try corner.file(Corner.lines(300), "gate.jsonl")
            let batch = try await corner.load(file, loader(corner, gate))
            #expect(gate.queued.load(ordering: .relaxed) == 200)
            let ready = "select count(*) from sluice.ready where batch_id = \(batch)"
            #expect(try await corner.count(ready) == 200)
            let changed = "select count(*) from sluice.job where batch_id = \(batch) and payload->>'n' is not null"
            #expect(try await corner.count(changed) == 200)
            #expect(try await corner.customIDs(of: batch) == (0..<300).map { "id-\($0)" })
            let progress = try #require(try await corner.queue.progress(of: batch))
            #expect(progress.loaded == 300 && progress.failed == 100 && progress.state == .running)
            let results = try await corner.queue.results(of: batch, after: 0, limit: 1_000)
            let refused = results.filter { $0.state == .failed }
            #expect(refused.map(\.customID) == (0..<100).map { "id-\($0 * 3 + 2)" })
            #expect(refused.allSatisfy { $0.attempt == 0 && $0.errorMessage == "No." })
            var text: [UInt8] = []
            let first = try #require(refused.first)
            let line = try #require(BatchOutputLine(first))
            line.append(to: &text)
            #expect(String(decoding: text, as: UTF8.self).contains(#""status_code": 413"#))
            await #expect(throws: QueueError.self) { try await corner.queue.retry(first.job) }
            let dead = "select sluice.retry_dead('alpha')"
            #expect(
                try await corner.connection.query(Statement("test_dead", dead)).first?.decode(0, as: String.self)
                    == "0 dead jobs are queued again.")
            #expect(try await corner.violations().isEmpty)
        }
    }

    @Test func `what is not let in now is loaded another time, each line once`() async throws {
        try await Corner.with { corner in
            let file = try corner.file(Corner.lines(1_000), "later.jsonl")
            var (batch, turns) = (Int32(0), 0)
            repeat {
                let gate = Gate(room: 150)
                batch = try await corner.load(file, loader(corner, gate))
                turns += 1
                let loaded = try #require(try await corner.queue.progress(of: batch)?.loaded)
                // The line after the last that was let in may be one that is refused.
                #expect(loaded == 1_000 || (turns * 225 - 1...turns * 225 + 1).contains(Int(loaded)))
            } while try await corner.queue.progress(of: batch)?.state == .loading
            #expect(turns == 5)
            #expect(try await corner.customIDs(of: batch) == (0..<1_000).map { "id-\($0)" })
            let ready = "select count(*) from sluice.ready where batch_id = \(batch)"
            #expect(try await corner.count(ready) == 667)
            #expect(try await corner.violations().isEmpty)
        }
    }
}
