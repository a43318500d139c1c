import Logging
import Settings
import Telemetry

/// The log of a service's process, on standard error.
enum ProcessLog {
    /// A logger as `settings` say. Libraries that make their own loggers get the same form.
    static func start(_ settings: LogSettings, label: String = "sluice") -> Logger {
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        let format: LogFormat = settings.format == .json ? .json : .human
        LoggingSystem.bootstrap { StandardErrorHandler(label: $0, level: level, format: format) }
        return Logger(label: label)
    }
}
