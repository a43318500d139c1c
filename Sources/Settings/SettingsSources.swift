import Configuration
import SystemPackage

/// Where settings come from, the first that has a value wins: the command line, the environment, the file.
///
/// Every value is read as text and parsed here. The readers of swift-configuration take a value they cannot convert for
/// one that is absent, and a mistyped grace would silently be the default.
package struct SettingsSources: Sendable {
    private struct Source: Sendable {
        let provider: any ConfigProvider
        /// Names the place of a key for people.
        let place: @Sendable (String) -> String
    }

    private let sources: [Source]

    /// The sources of one process.
    ///
    /// - Parameters:
    ///   - commandLine: Values given as options, by key, such as `worker.drain_grace`.
    ///   - environment: All variables; the key `worker.drain_grace` is read from `SLUICE_WORKER_DRAIN_GRACE`. An empty one
    ///     counts as absent.
    ///   - file: A YAML file, or nil for the one `SLUICE_CONFIG` names, if it does.
    /// - Throws: `SettingsError` with `unreadableFile`.
    package init(
        commandLine: [String: String] = [:],
        environment: [String: String],
        file: String? = nil
    ) async throws(SettingsError) {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in commandLine { values[Self.absolute(key)] = ConfigValue(stringLiteral: value) }
        var variables: [String: String] = [:]
        for (name, value) in environment where name.hasPrefix("SLUICE_") && !value.isEmpty {
            variables[String(name.dropFirst("SLUICE_".count))] = value
        }
        var sources = [
            Source(provider: InMemoryProvider(values: values), place: { "the command line (\($0))" }),
            Source(
                provider: EnvironmentVariablesProvider(environmentVariables: variables),
                place: { "the environment variable \(Self.variable(for: $0))" }
            ),
        ]
        if let path = file ?? variables["CONFIG"] {
            sources.append(
                Source(provider: try await Self.read(path), place: { "the file \(path) (\($0))" })
            )
        }
        self.sources = sources
    }

    /// The text of `key` and its place, or nil when no source has it.
    func text(_ key: String) throws(SettingsError) -> (text: String, place: String)? {
        for source in sources {
            do {
                let found = try source.provider.value(forKey: Self.absolute(key), type: .string)
                if case .string(let text)? = found.value?.content { return (text, source.place(key)) }
            } catch {
                throw SettingsError(.invalidValue, "\(key) must be a single value, but \(source.place(key)) has more")
            }
        }
        return nil
    }

    /// The variable that holds `key`.
    static func variable(for key: String) -> String {
        "SLUICE_" + String(key.map { $0 == "." ? "_" : $0 }).uppercased()
    }

    private static func absolute(_ key: String) -> AbsoluteConfigKey {
        AbsoluteConfigKey(key.split(separator: ".").map(String.init))
    }

    private static func read(_ path: String) async throws(SettingsError) -> any ConfigProvider {
        do {
            return try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
        } catch {
            throw SettingsError(.unreadableFile, "The settings file \(path) cannot be read as YAML: \(error)")
        }
    }
}
