import ArgumentParser
import Postgres
import Settings
import Terminal

/// A length of time on the command line: `500ms`, `30s`, `10m`, `2h`, `7d`.
struct JobsDuration: ExpressibleByArgument {
    let value: Duration

    init(value: Duration) { self.value = value }

    init?(argument: String) {
        guard let value = Duration(settingsText: argument) else { return nil }
        self.value = value
    }
}

/// A moment on the command line: `+10m` from now, or anything PostgreSQL reads as a time.
///
/// Now is the database's: the clock of this machine decides nothing.
enum JobsTime: ExpressibleByArgument {
    case after(Duration)
    case at(String)

    private static let later = Statement(
        "time_after", "select clock_timestamp() + $1::bigint * interval '1 microsecond'")
    private static let parsed = Statement("time_at", "select $1::text::timestamptz")

    init?(argument: String) {
        guard argument.hasPrefix("+") else {
            guard !argument.isEmpty else { return nil }
            self = .at(argument)
            return
        }
        guard let length = Duration(settingsText: String(argument.dropFirst())) else { return nil }
        self = .after(length)
    }

    /// The moment.
    ///
    /// - Throws: `CommandFailure` when PostgreSQL cannot read it; `PostgresError`.
    func moment(on connection: Connection, option: String) async throws -> Timestamp {
        switch self {
        case .after(let length):
            let (seconds, attoseconds) = length.components
            let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
            return try await Self.first(of: connection.query(Self.later, microseconds), option, "+")
        case .at(let text):
            do {
                let moment = try await Self.first(of: connection.query(Self.parsed, text), option, text)
                guard moment != .infinity, moment != .minusInfinity else { throw Self.unreadable(option, text) }
                return moment
            } catch let error as PostgresError where error.sqlState?.hasPrefix("22") == true {
                throw Self.unreadable(option, text)
            }
        }
    }

    private static func first(of rows: Rows, _ option: String, _ text: String) throws -> Timestamp {
        guard let row = rows.first else { throw unreadable(option, text) }
        return try row.decode(0)
    }

    private static func unreadable(_ option: String, _ text: String) -> CommandFailure {
        CommandFailure(
            .usage, "\(option) \"\(text)\" is no time.",
            fix: "Write it as +10m (from now) or 2026-05-01T12:00:00Z.")
    }
}
