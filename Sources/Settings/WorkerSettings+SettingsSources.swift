extension WorkerSettings {
    /// Reads `worker.…`.
    init(_ sources: SettingsSources) throws(SettingsError) {
        self.init()
        try sources.read("worker.buffer", into: &buffer)
        try sources.read("worker.poll_interval", into: &pollInterval)
        try sources.read("worker.drain_grace", into: &drainGrace)
        try sources.read("worker.cancel_grace", into: &cancelGrace)
    }

    func problems(into problems: inout Problems) {
        problems.require(0...10_000 ~= buffer, "worker.buffer", "must be between 0 and 10000")
        problems.require(
            .milliseconds(10)...(.seconds(60)) ~= pollInterval, "worker.poll_interval", "must be between 10ms and 60s")
        problems.require(drainGrace <= .seconds(3_600), "worker.drain_grace", "must be at most 1h")
        problems.require(cancelGrace <= .seconds(600), "worker.cancel_grace", "must be at most 600s")
    }
}
