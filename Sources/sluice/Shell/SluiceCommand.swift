import ArgumentParser
import Postgres
import Terminal
import UnixSignals

/// What the process ends with; ArgumentParser has a type of the same name.
typealias ProcessExit = Terminal.ExitCode

/// A command that does its work and ends: everything but the services.
///
/// `perform` runs on the database's loop, so it must not block. Whatever it throws is told to the person in one sentence
/// and becomes the exit status; Ctrl-C cancels it and ends with 130.
protocol SluiceCommand: AsyncParsableCommand, Sendable {
    /// How results are shown.
    var output: OutputFlags { get }

    /// Does what the command is for, and returns what the process ends with.
    func perform(_ console: Console) async throws -> ProcessExit
}

extension SluiceCommand {
    func run() async throws {
        let console = output.console
        let command = self
        let status = await CommandRun.status(console) {
            try await withTaskExecutorPreference(EventLoop.shared.executor) {
                try await command.perform(console)
            }
        }
        throw ArgumentParser.ExitCode(status)
    }
}
