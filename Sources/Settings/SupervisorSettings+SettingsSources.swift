extension SupervisorSettings {
    /// Reads `supervisor.…`.
    init(_ sources: SettingsSources) throws(SettingsError) {
        self.init()
        try sources.read("supervisor.heartbeat_interval", into: &heartbeatInterval)
        try sources.read("supervisor.drain_grace", into: &drainGrace)
        try sources.read("supervisor.kill_grace", into: &killGrace)
        try sources.read("supervisor.crash_loop_limit", into: &crashLoopLimit)
        try sources.read("supervisor.crash_loop_window", into: &crashLoopWindow)
        try sources.read("supervisor.backoff_minimum", into: &backoffMinimum)
        try sources.read("supervisor.backoff_maximum", into: &backoffMaximum)
        try sources.read("supervisor.memory_limit", into: &memoryLimit)
        try sources.read("supervisor.host_memory", into: &hostMemory)
    }

    func problems(into problems: inout Problems) {
        problems.require(
            .milliseconds(50)...(.seconds(5)) ~= heartbeatInterval, "supervisor.heartbeat_interval",
            "must be between 50ms and 5s: three of them are shorter than a lease")
        problems.require(drainGrace <= .seconds(3_600), "supervisor.drain_grace", "must be at most 1h")
        problems.require(killGrace <= .seconds(600), "supervisor.kill_grace", "must be at most 600s")
        problems.require(1...1_000 ~= crashLoopLimit, "supervisor.crash_loop_limit", "must be between 1 and 1000")
        problems.require(
            .seconds(1)...(.seconds(86_400)) ~= crashLoopWindow, "supervisor.crash_loop_window",
            "must be between 1s and 24h")
        problems.require(
            backoffMinimum >= .milliseconds(10), "supervisor.backoff_minimum", "must be at least 10ms")
        problems.require(
            backoffMaximum >= backoffMinimum, "supervisor.backoff_maximum",
            "must not be less than supervisor.backoff_minimum")
        problems.require(backoffMaximum <= .seconds(3_600), "supervisor.backoff_maximum", "must be at most 1h")
        problems.require(
            (memoryLimit?.bytes ?? .max) >= 16 << 20, "supervisor.memory_limit", "must be at least 16MiB")
        problems.require(
            (hostMemory?.bytes ?? .max) >= 16 << 20, "supervisor.host_memory", "must be at least 16MiB")
    }
}
