import ArgumentParser
import Glibc
import Terminal

/// Becomes psql on the same database.
struct PsqlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Open psql on the database.",
        discussion: "Arguments after -- go to psql: sluice psql -- -c 'select * from sluice.overview()'")

    @Argument(parsing: .postTerminator, help: "Arguments for psql.")
    var arguments: [String] = []

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let console = Console(options: OutputOptions(), environment: ProcessEnvironment.variables)
        do {
            let connection = ConnectionSecret(splitting: try await database.resolve().conninfo)
            throw become(connection)
        } catch {
            throw ArgumentParser.ExitCode(CommandRun.report(error, console))
        }
    }

    /// Does not return unless psql cannot be started.
    private func become(_ connection: ConnectionSecret) -> CommandFailure {
        // Everybody can read a process's arguments, only its owner its environment.
        if let password = connection.password { setenv("PGPASSWORD", password, 1) }
        signal(SIGPIPE, SIG_DFL)
        var all = sigset_t()
        sigemptyset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
        var words = (["psql", "-d", connection.withoutPassword] + arguments).map { strdup($0) }
        words.append(nil)
        execvp("psql", words)
        let isMissing = errno == ENOENT
        return CommandFailure(
            .unavailable, isMissing ? "psql is not installed." : "psql cannot be started.",
            fix: "Install the package postgresql-client.")
    }
}
