extension SettingsSources {
    /// Puts the value of `key` into `target` when a source has one, and leaves `target` alone when none does.
    ///
    /// - Throws: `SettingsError` with `invalidValue`, naming the key, the shape and the place.
    func read<Value: SettingsValue>(_ key: String, into target: inout Value) throws(SettingsError) {
        if let value: Value = try value(of: key) { target = value }
    }

    /// As above, for a setting that may be absent.
    func read<Value: SettingsValue>(_ key: String, into target: inout Value?) throws(SettingsError) {
        if let value: Value = try value(of: key) { target = value }
    }

    private func value<Value: SettingsValue>(of key: String) throws(SettingsError) -> Value? {
        guard let (text, place) = try text(key) else { return nil }
        guard let value = Value(settingsText: text) else {
            // The text is shown: nothing that is secret has a shape it could fail.
            throw SettingsError(
                .invalidValue, "\(key) must be \(Value.shape), but \(place) says \"\(text.prefix(100))\"")
        }
        return value
    }
}
