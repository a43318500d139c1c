extension DatabaseSettings {
    /// Reads `database.…`.
    init(_ sources: SettingsSources) throws(SettingsError) {
        self.init()
        try sources.read("database.url", into: &url)
        try sources.read("database.pooler", into: &pooler)
        try sources.read("database.connect_timeout", into: &connectTimeout)
        try sources.read("database.statement_timeout", into: &statementTimeout)
    }

    func problems(into problems: inout Problems) {
        problems.require(url?.isEmpty != true, "database.url", "must not be empty")
        problems.require(
            .milliseconds(100)...(.seconds(600)) ~= connectTimeout, "database.connect_timeout",
            "must be between 100ms and 600s")
        problems.require(
            .milliseconds(100)...(.seconds(3_600)) ~= statementTimeout, "database.statement_timeout",
            "must be between 100ms and 1h")
    }
}
