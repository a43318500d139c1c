/// Every setting of a process.
package struct SluiceSettings: Sendable, Hashable {
    /// How to reach PostgreSQL.
    package var database = DatabaseSettings()
    /// How a worker claims, runs and finishes jobs.
    package var worker = WorkerSettings()
    /// How a supervisor keeps its workers.
    package var supervisor = SupervisorSettings()
    /// What is logged, and how.
    package var log = LogSettings()

    /// The defaults.
    package init() {}

    /// Reads every setting; what no source has keeps its default.
    ///
    /// - Throws: `SettingsError` with `invalidValue` for the first value that cannot be read. Values that can be read
    ///   and make no sense are for `validate()`.
    package init(_ sources: SettingsSources) throws(SettingsError) {
        database = try DatabaseSettings(sources)
        worker = try WorkerSettings(sources)
        supervisor = try SupervisorSettings(sources)
        log = try LogSettings(sources)
    }

    /// Reads and validates in one go.
    ///
    /// - Throws: `SettingsError`; with `unusable` its message lists every problem.
    package static func load(
        commandLine: [String: String] = [:],
        environment: [String: String],
        file: String? = nil
    ) async throws(SettingsError) -> SluiceSettings {
        let sources = try await SettingsSources(commandLine: commandLine, environment: environment, file: file)
        let settings = try SluiceSettings(sources)
        let problems = settings.validate()
        guard problems.isEmpty else {
            throw SettingsError(.unusable, problems.sentences.joined(separator: "; "))
        }
        return settings
    }

    /// All that is out of range or does not fit together.
    package func validate() -> Problems {
        var problems = Problems()
        database.problems(into: &problems)
        worker.problems(into: &problems)
        supervisor.problems(into: &problems)
        return problems
    }
}
