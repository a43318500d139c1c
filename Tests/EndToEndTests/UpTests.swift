import FoundationEssentials
import Glibc
import Queue
import Subprocess
import SystemPackage
import Testing
import TestSupport

/// All of it on one machine, as a newcomer starts it.
struct UpTests {
    /// Processes that have to do with `folder`, by their arguments or working directory.
    private func processes(of folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard let number = Int32(name), number != getpid() else { return false }
            do {
                let line = try Data(contentsOf: URL(filePath: "/proc/\(name)/cmdline"))
                if String(decoding: line, as: UTF8.self).contains(folder) { return true }
                return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/cwd").hasPrefix(folder)
            } catch {
                // It has ended meanwhile.
                return false
            }
        }
    }

    private func query(_ folder: String, _ sql: String) async throws -> String {
        let ended = try await SluiceProgram.run(["psql", "--data", folder, "--", "-XAtc", sql])
        #expect(ended.status == 0, "\(ended.errors)")
        return ended.lines.joined(separator: "\n")
    }

    @Test(.database(migrated: true), .timeLimit(.minutes(10)))
    func `the first key is made for this host alone, and not by a start that fails`() async throws {
        try await RunningQueue.with(arguments: ["--host", "0.0.0.0"]) { queue in
            #expect(queue.key.isEmpty)
            let port = try #require(queue.gateway.split(separator: ":").last)
            let second = try await queue.sluice(["up", "--port", "\(port)", "--backends", try Products.folder])
            #expect(second.status != 0 && second.errors.contains("ddress already in use"), "\(second.errors)")
            #expect(try await queue.queue.keys().isEmpty)
        }
        try await RunningQueue.with { queue in #expect(queue.key.hasPrefix("sk-")) }
        try await RunningQueue.with { queue in #expect(queue.key.isEmpty) }
    }

    @Test(.timeLimit(.minutes(10)))
    func `a job enqueued in SQL is run, and Ctrl-C leaves nothing running`() async throws {
        try await TemporaryFolder.with { temporary in
            let folder = temporary.path + "/data"
            let result = try await Subprocess.run(
                .path(FilePath(try TestProducts.sluice)), arguments: ["up", "--data", folder, "--json"],
                environment: SluiceProgram.environment([:]), workingDirectory: "/", input: .none, output: .sequence,
                error: .string(limit: SluiceProgram.limit)
            ) { execution in
                var text: [UInt8] = []
                var isStopping = false
                for try await buffer in execution.standardOutput {
                    buffer.withUnsafeBytes { text.append(contentsOf: $0) }
                    guard !isStopping, text.contains(UInt8(ascii: "\n")) else { continue }
                    isStopping = true
                    #expect(String(decoding: text, as: UTF8.self).contains("demo-a"))
                    let job = try await query(
                        folder,
                        #"select sluice.enqueue('demo', '{"messages": [{"role": "user", "content": "Hello"}]}')"#)
                    try await eventually("the job has its answer") {
                        try await query(
                            folder, "select count(*) from sluice.result where id = \(job) and state = 'succeeded'")
                            == "1"
                    }
                    try await eventually("both workers are there") {
                        try await query(folder, "select count(*) from sluice.worker where state = 'running'") == "2"
                    }
                    let second = try await SluiceProgram.run(["up", "--data", folder])
                    #expect(second.status == 75, "\(second.errors)")
                    let doctor = try await SluiceProgram.run(["doctor", "--data", folder])
                    #expect(doctor.status == 0, "\(doctor.output)")
                    try execution.send(signal: .interrupt)
                }
            }
            #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
            try await eventually("nothing is left running") { try processes(of: temporary.path).isEmpty }

            let away = try await SluiceProgram.run(["status", "--data", folder])
            #expect(away.status == 69)
            #expect(away.errors.contains("sluice up"))
        }
    }
}
