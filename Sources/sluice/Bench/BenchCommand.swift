import Domain
import ArgumentParser
import Bench
import FoundationEssentials
import Logging
import Postgres
import PrivatePostgres
import Terminal

/// Measures the queue on this machine.
struct BenchCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the queue on this machine, each figure against others of the same run.",
        discussion: """
            Starts a PostgreSQL of its own with synchronous commit on, makes a database for each shape, keeps all results \
            and checks that nothing was lost or answered twice. Shapes:

            \(BenchCommand.shapes.map { "  \(type(of: $0).name): \(type(of: $0).abstract)" }.joined(separator: "\n"))
            """)

    static let shapes: [any Shape] = [
        PipelineShape(), DrainShape(), EnqueueShape(), StartShape(), ClaimCostShape(), HeldDrainShape(), StreamShape(),
        SustainedShape(), KillShape(), FailoverShape(), HTTPShape(), ScalingShape(),
    ]

    @Argument(help: "The shapes to measure; all if none is named.")
    var shapes: [String] = []

    @Option(help: "How many jobs a drain has.")
    var jobs = 200_000

    @Option(help: "How often the sides of a comparison are measured, in turns; the best counts.")
    var rounds = 3

    @Option(name: .customLong("output"), help: "Also write the figures to this file, JSON.", completion: .file())
    var file: String?

    @Option(help: "A folder on the disk to measure on; default: the temporary folder.", completion: .directory)
    var folder: String?

    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    func validate() throws {
        let known = Self.shapes.map { type(of: $0).name }
        for shape in shapes where !known.contains(shape) {
            throw ValidationError("There is no shape \(shape); known: \(known.joined(separator: ", ")).")
        }
        guard 1000...10_000_000 ~= jobs else { throw ValidationError("A drain has 1,000 to 10,000,000 jobs.") }
        guard 1...100 ~= rounds else { throw ValidationError("There are 1 to 100 rounds.") }
    }

    func perform(_ console: Console) async throws -> ProcessExit {
        let chosen = Self.shapes.filter { shapes.isEmpty || shapes.contains(type(of: $0).name) }
        var measurements: [Measurement] = []
        let parent = folder ?? FileManager.default.temporaryDirectory.path
        let data = "\(parent)/sluice-bench-\(ProcessEnvironment.processID)"
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        do {
            measurements = try await PrivateServer.withServer(
                dataDirectory: data, configuration: .init(maximumConnections: 100), logger: logger
            ) { server, _ in
                let laboratory = Laboratory(
                    server: server, executable: "/proc/self/exe", backends: backends.directories.joined(separator: ":"),
                    jobs: jobs, rounds: rounds, folder: data, logger: logger, say: { console.note("  \($0)") })
                var measurements: [Measurement] = []
                for shape in chosen {
                    console.note(type(of: shape).name)
                    let measured = try await shape.measure(in: laboratory)
                    for measurement in measured { console.note("  \(measurement.what): \(measurement.result)") }
                    measurements += measured
                }
                return measurements
            }
            try FileManager.default.removeItem(atPath: data)
        } catch {
            if FileManager.default.fileExists(atPath: data) { try FileManager.default.removeItem(atPath: data) }
            throw error
        }
        try show(measurements, console)
        return measurements.allSatisfy { $0.isMet ?? true } ? .ok : .failed
    }

    private func show(_ measurements: [Measurement], _ console: Console) throws {
        var table = TextTable([
            .init("shape", key: "shape"), .init("what", key: "what", canShrink: true), .init("result", key: "result"),
            .init("must reach", key: "target"), .init("", key: "is_met"),
        ])
        for measurement in measurements {
            table.append([
                .text(measurement.shape), .text(measurement.what), .text(measurement.result),
                measurement.target.map { .text($0) } ?? .none,
                measurement.isMet.map { .text($0 ? "ok" : "missed") } ?? .none,
            ])
        }
        try console.show(table)
        guard let file else { return }
        let json = JSONOutput.array(
            measurements.map { measurement in
                .object([
                    .init("shape", .string(measurement.shape)), .init("what", .string(measurement.what)),
                    .init("is_met", measurement.isMet.map { .bool($0) } ?? .null),
                    .init(
                        "figures",
                        .object(measurement.figures.sorted { $0.key < $1.key }.map { .init($0.key, .number($0.value)) })
                    ),
                ])
            })
        try Data((json.text + "\n").utf8).write(to: URL(filePath: file))
    }
}
