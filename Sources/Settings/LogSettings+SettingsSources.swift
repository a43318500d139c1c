extension LogSettings {
    /// Reads `log.…`.
    init(_ sources: SettingsSources) throws(SettingsError) {
        self.init()
        try sources.read("log.level", into: &level)
        try sources.read("log.format", into: &format)
    }
}
