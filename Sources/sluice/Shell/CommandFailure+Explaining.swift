import ArgumentParser
import BackendHost
import BatchFile
import BatchLoading
import Lifeline
import Postgres
import PrivatePostgres
import Queue
import Settings
import Terminal
import Worker

extension CommandFailure {
    /// The failure that `error` is for the person at the terminal: one sentence, the fix where there is one, and the exit
    /// status.
    init(explaining error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as QueueError: self.init(error)
        case let error as PostgresError: self.init(error)
        case let error as PrivateServerError: self.init(error)
        case let error as SettingsError: self.init(.configuration, "\(error)")
        case let error as BackendError: self.init(error)
        case let error as BatchFileError: self.init(error)
        case let error as BatchLoadingError:
            self.init(error.code == .cancelled ? .failed : .dataInvalid, error.message, fix: error.hint)
        case let error as ConsoleError: self.init(.init(rawValue: error.exitCode.rawValue) ?? .io, "\(error)")
        case let error as WorkerEnd: self.init(.init(rawValue: error.exit.rawValue) ?? .software, error.message)
        case let error as ValidationError: self.init(.usage, error.message)
        case is CancellationError: self.init(.temporary, "The command was interrupted.")
        default:
            self.init(
                .software, "Something went wrong that should not: \(error)",
                fix: "Please report this with the command that led to it.")
        }
    }

    private init(_ error: PostgresError) {
        switch (error.code, error.sqlState) {
        case (.invalidConfiguration, _):
            self.init(
                .configuration, Self.sentence(error),
                fix: "Check --database-url, SLUICE_DATABASE_URL or the settings file.")
        case (.connectionFailed, let state?) where state.hasPrefix("28"):
            self.init(.noPermission, Self.sentence(error), fix: "Check the user and the password of the database URL.")
        case (.connectionFailed, "3D000"?):
            self.init(
                .configuration, Self.sentence(error),
                fix: "Create the database with createdb, or name another in the database URL.")
        case (.connectionFailed, _), (.connectionLost, _), (.timedOut, _), (.poolExhausted, _), (.poolClosed, _),
            (.tooManyPending, _):
            self.init(
                .unavailable, Self.sentence(error),
                fix: "Check that the database runs and can be reached, then try again.")
        case (_, "42501"?):
            self.init(.noPermission, Self.sentence(error), fix: "Use a database role that owns the schema sluice.")
        case (_, "25006"?), (_, "53100"?):
            self.init(QueueError(error))
        case (_, let state?) where state.hasPrefix("53") || state.hasPrefix("57P"):
            self.init(.unavailable, Self.sentence(error), fix: "Try again when the database has recovered.")
        case (.cancelled, _): self.init(.temporary, "The command was interrupted.")
        default: self.init(.software, Self.sentence(error))
        }
    }

    private init(_ error: QueueError) {
        switch error.code {
        case .unknownModel:
            self.init(.dataInvalid, error.message, fix: error.hint ?? "`sluice status` lists the models there are.")
        case .unknownDeployment:
            self.init(
                .dataInvalid, error.message, fix: error.hint ?? "`sluice status` lists the deployments there are.")
        case .unknownTenant, .invalidArgument, .idempotencyKeyReused, .invalidData:
            self.init(.dataInvalid, error.message, fix: error.hint)
        case .notFound, .unknownWorker: self.init(.noInput, error.message, fix: error.hint)
        case .notRetriable, .batchClosed, .workerDead, .superseded: self.init(.failed, error.message, fix: error.hint)
        case .nobodyServes: self.init(.failed, error.message, fix: "If that is meant, add --force.")
        case .busy: self.init(.temporary, error.message, fix: error.hint ?? "Try again in a moment.")
        case .locked: self.init(.temporary, Self.capitalised(error.message), fix: "Try again in a moment.")
        case .schemaMismatch: self.init(.configuration, error.message, fix: error.hint)
        case .unavailable:
            self.init(
                .unavailable, Self.capitalised(error.message), fix: error.hint ?? "Check the database, then try again.")
        case .database:
            if let cause = error.cause {
                self.init(cause)
            } else {
                self.init(.software, error.message, fix: error.hint)
            }
        }
    }

    private init(_ error: PrivateServerError) {
        let code: ProcessExit =
            switch error.code {
            case .wrongVersion: .configuration
            case .folderInUse, .startTimedOut: .temporary
            case .folderUnusable: .cannotCreate
            case .noAccount: .noPermission
            case .serverNotInstalled, .notRunning, .toolFailed, .exited: .unavailable
            }
        self.init(code, "\(error)")
    }

    private init(_ error: BatchFileError) {
        let code: ProcessExit =
            switch error.code {
            case .notFound, .isDirectory, .notPermitted, .readFailed: .noInput
            case .tooLarge, .changed: .dataInvalid
            case .cannotCreate: .cannotCreate
            case .noSpace, .writeFailed: .io
            }
        self.init(code, "\(error)")
    }

    private init(_ error: BackendError) {
        let code: ProcessExit = error.code == .notFound || error.code == .unreadable ? .noInput : .configuration
        self.init(code, Self.capitalised("\(error)"))
    }

    private static func sentence(_ error: PostgresError) -> String {
        let text = capitalised(error.description)
        return text.hasSuffix(".") || text.hasSuffix("?") ? text : text + "."
    }

    private static func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}
