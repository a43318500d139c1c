import ArgumentParser
import BatchFile
import BatchLoading
import Queue
import Terminal

/// Where the results of a batch go.
struct BatchFiles: ParsableArguments {
    @Option(
        name: .customLong("output"),
        help: ArgumentHelp("Where the answers go; - is standard output.", valueName: "file"), completion: .file())
    var answers: String?
    @Option(
        help: ArgumentHelp("Where the requests without an answer go.", valueName: "file"), completion: .file())
    var errors: String?

    func validate() throws {
        guard answers == nil || answers != errors else {
            throw ValidationError("--output and --errors name the same file.")
        }
    }

    /// Whether there is anything to write.
    var areWanted: Bool { answers != nil || errors != nil }

    /// Writes what has ended of `batch`; nothing when no file is named.
    ///
    /// - Parameters:
    ///   - total: the requests of the batch.
    ///   - invalid: a file of which the lines that could not be sent go to the error file.
    func write(
        _ batch: Int32, total: Int32, of queue: Queue, invalid: BatchFile? = nil, _ console: Console
    ) async throws {
        guard areWanted else { return }
        var files = try ResultFiles(output: answers, errors: errors)
        if let invalid { try files.append(problemsOf: invalid) }
        var display = ProgressDisplay(ProgressMeter("writing", total: Int64(total)), on: console)
        let count = try await BatchResults(queue, batch: batch).write(to: &files) {
            display.advanced(to: Int64($0))
        }
        try files.finish()
        display.advanced(to: Int64(count.total))
        display.finish()
        if let answers, answers != "-" {
            console.note("\(HumanFormat.count(Int64(count.succeeded))) answers in \(answers)")
        }
        if let errors, errors != "-", count.failed > 0 || invalid != nil { console.note("what failed is in \(errors)") }
        if count.unfinished > 0 {
            console.note(
                "\(HumanFormat.count(Int64(count.unfinished))) requests have not ended yet and are in neither file")
        }
        if errors == nil, count.failed > 0 {
            console.note(
                "\(HumanFormat.count(Int64(count.failed))) failed: `sluice batch results \(batch) --errors FILE` writes why"
            )
        }
    }
}
