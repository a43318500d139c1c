import BackendHost
import Glibc
import Postgres
import Queue
import Terminal

/// All the doctor looks at, in the order in which one thing needs the other.
struct Examination: Sendable {
    let database: DatabaseOptions
    let backends: BackendOptions
    let isQuick: Bool

    /// Looks at everything. What cannot be looked at is a finding too.
    func findings() async -> [Finding] {
        var findings = [Finding.ok("version", "sluice \(Version.text)"), backendFiles()]
        let clock = ContinuousClock()
        let began = clock.now
        let session: Session
        do {
            let target = try await database.resolve()
            if let folder = target.folder { findings.append(diskSpace(of: folder)) }
            session = try await Session.open(target, requireSchema: false, isPatient: true)
        } catch {
            let failure = CommandFailure(explaining: error)
            findings.append(
                .failed("database", failure.message, fix: failure.fix ?? "Check the database URL and the server."))
            return findings
        }
        findings.append(.ok("database", "connected in \(HumanFormat.duration(clock.now - began))"))
        findings += await examined("server") { try await ServerExamination(session).findings() }
        let schema = await schema(session)
        findings.append(schema)
        guard schema.level == .ok else { return findings }
        findings += await examined("queue") { try await QueueExamination(session).findings(isQuick: isQuick) }
        return findings
    }

    private func examined(_ check: String, _ body: () async throws -> [Finding]) async -> [Finding] {
        do {
            return try await body()
        } catch {
            let failure = CommandFailure(explaining: error)
            return [.failed(check, failure.message, fix: failure.fix ?? "Try again; if it stays, please report it.")]
        }
    }

    private func schema(_ session: Session) async -> Finding {
        do {
            let plan = try await Migrator(session.connection).plan()
            guard plan.isEmpty else {
                return .failed(
                    "schema",
                    plan.from == 0 ? "not there" : "version \(plan.from), older than this program's \(plan.to)",
                    fix: "Run `sluice migrate`.")
            }
            return .ok("schema", "version \(plan.to)")
        } catch {
            return .failed("schema", error.message, fix: error.hint ?? "Check the database, then try again.")
        }
    }

    private func backendFiles() -> Finding {
        let names = backends.directories.flatMap(BackendFile.libraries).filter { $0.hasPrefix("lib") }
        return .expect(
            !names.isEmpty, "backends", names.isEmpty ? "none found" : names.joined(separator: ", "),
            fix:
                "Install one into lib/sluice/backends, or pass --backends DIR; workers of this machine have nothing to load."
        )
    }

    private func diskSpace(of folder: String) -> Finding {
        var status = statvfs()
        guard statvfs(folder, &status) == 0, status.f_blocks > 0 else {
            return .warning("disk", "the space of \(folder) is not known", fix: "Check that the folder can be read.")
        }
        let free = Int64(status.f_bavail) * Int64(status.f_frsize)
        let share = Double(status.f_bavail) / Double(status.f_blocks)
        let level: Finding.Level = free < 256 << 20 ? .failed : .warning
        return .expect(
            share > 0.05 && free > 1 << 30, "disk",
            "\(HumanFormat.bytes(free)) free for \(folder) (\(HumanFormat.percent(share, of: 1)))",
            fix: "Make room: PostgreSQL stops when its disk is full.", otherwise: level)
    }
}
