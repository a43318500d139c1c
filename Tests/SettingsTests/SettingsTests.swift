import FoundationEssentials
import Testing

@testable import Settings

struct SettingsTests {
    private func load(
        _ commandLine: [String: String] = [:], _ environment: [String: String] = [:], yaml: String? = nil
    ) async throws -> SluiceSettings {
        guard let yaml else {
            return try await SluiceSettings.load(commandLine: commandLine, environment: environment)
        }
        let path = "/tmp/sluice-settings-\(UInt64.random(in: 0 ... .max)).yaml"
        try Data(yaml.utf8).write(to: URL(filePath: path))
        let result: Result<SluiceSettings, any Error>
        do {
            result = .success(
                try await SluiceSettings.load(commandLine: commandLine, environment: environment, file: path))
        } catch {
            result = .failure(error)
        }
        try FileManager.default.removeItem(atPath: path)
        return try result.get()
    }

    @Test func `nothing given means the defaults, which are valid`() async throws {
        #expect(try await load() == SluiceSettings())
        #expect(SluiceSettings().validate().isEmpty)
    }

    @Test func `the command line wins over the environment, and that over the file`() async throws {
        let settings = try await load(
            ["worker.drain_grace": "20s"],
            [
                "SLUICE_WORKER_DRAIN_GRACE": "30s", "SLUICE_SUPERVISOR_HEARTBEAT_INTERVAL": "2s",
                "SLUICE_LOG_FORMAT": "",
            ],
            yaml: """
                database:
                  url: host=/run dbname=x
                  pooler: transaction
                supervisor:
                  heartbeat_interval: 3s
                  memory_limit: 512MiB
                worker:
                  buffer: 12
                  drain_grace: 40s
                log:
                  format: json
                """)
        #expect(settings.worker.drainGrace == .seconds(20))
        #expect(settings.supervisor.heartbeatInterval == .seconds(2))
        #expect(settings.supervisor.memoryLimit == ByteCount(512 << 20))
        #expect(settings.worker.buffer == 12)
        #expect(settings.database.url == "host=/run dbname=x")
        #expect(settings.database.pooler == .transaction)
        #expect(settings.log.format == .json)
    }

    @Test(
        arguments: [
            ("SLUICE_WORKER_DRAIN_GRACE", "fifteen", "worker.drain_grace must be a duration such as"),
            ("SLUICE_WORKER_DRAIN_GRACE", "15", "worker.drain_grace must be a duration such as"),
            ("SLUICE_WORKER_BUFFER", "8.5", "worker.buffer must be a whole number"),
            ("SLUICE_SUPERVISOR_MEMORY_LIMIT", "lots", "supervisor.memory_limit must be a size such as"),
            ("SLUICE_LOG_LEVEL", "loud", "log.level must be one of trace, debug"),
        ])
    func `a value that cannot be read is an error that names it`(name: String, value: String, start: String) async {
        let error = await #expect(throws: SettingsError.self) { try await load([:], [name: value]) }
        #expect(error?.code == .invalidValue)
        #expect(error?.message.hasPrefix(start) == true)
        #expect(error?.message.hasSuffix("the environment variable \(name) says \"\(value)\"") == true)
    }

    @Test func `a list where one value belongs is an error`() async {
        let error = await #expect(throws: SettingsError.self) { try await load(yaml: "worker:\n  buffer: [1, 2]\n") }
        #expect(error?.message.hasPrefix("worker.buffer must be a single value, but the file ") == true)
    }

    @Test(arguments: ["- a\n- b\n", "a: [\n"])
    func `a file that is no mapping is an error`(yaml: String) async {
        let error = await #expect(throws: SettingsError.self) { try await load(yaml: yaml) }
        #expect(error?.code == .unreadableFile)
    }

    @Test func `a file that is missing is an error, also when the environment names it`() async {
        let error = await #expect(throws: SettingsError.self) {
            try await load([:], ["SLUICE_CONFIG": "/nowhere.yaml"])
        }
        #expect(error?.code == .unreadableFile)
        #expect(error?.message.contains("/nowhere.yaml") == true)
    }

    @Test func `every problem is listed`() async {
        let error = await #expect(throws: SettingsError.self) {
            try await load(["supervisor.crash_loop_limit": "0", "worker.buffer": "-1"])
        }
        #expect(error?.code == .unusable)
        #expect(
            error?.message
                == "worker.buffer must be between 0 and 10000; "
                + "supervisor.crash_loop_limit must be between 1 and 1000")
    }
}

struct SettingsValueTests {
    @Test func `durations and sizes are read`() {
        #expect(Duration(settingsText: "500ms") == .milliseconds(500))
        #expect(Duration(settingsText: "2m") == .seconds(120))
        #expect(Duration(settingsText: "1h") == .seconds(3_600))
        #expect(Duration(settingsText: "90d") == .seconds(7_776_000))
        #expect(ByteCount(settingsText: "2GiB")?.bytes == 2 << 30)
        #expect(ByteCount(settingsText: "4096")?.bytes == 4_096)
        #expect(Bool(settingsText: "ON") == true)
    }

    @Test(arguments: ["", "s", "-1s", "1.5s", "99999999999h", "9999999999999999999999ms", "1 s", "1w"])
    func `what is no duration is refused`(text: String) {
        #expect(Duration(settingsText: text) == nil)
    }

    @Test(arguments: ["", "MiB", "-1", "1MB", "99999999999999999999", "9999999999GiB"])
    func `what is no size is refused`(text: String) {
        #expect(ByteCount(settingsText: text) == nil)
    }
}
