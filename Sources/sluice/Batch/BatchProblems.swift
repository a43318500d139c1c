import Domain
import BatchFile
import Terminal

/// The wrong lines of a batch file, told to a person.
struct BatchProblems {
    let summary: BatchSummary
    let path: String

    /// How many are listed when the command goes on without them.
    private static let warned = 10

    init(_ summary: BatchSummary, of path: String) {
        self.summary = summary
        self.path = path
    }

    /// Lists all of them and ends the command.
    ///
    /// - Throws: always, `CommandFailure`.
    func refuse(_ console: Console) throws -> Never {
        if console.options.isJSON {
            for problem in summary.problems {
                try console.show([
                    "line": .integer(Int64(problem.line)), "code": .string(problem.code.rawValue),
                    "message": .string(problem.message),
                    "custom_id": problem.customID.map(JSONOutput.string) ?? .null,
                ])
            }
        } else {
            tell(summary.problems.count, console)
        }
        let count = summary.problemCount == 1 ? "1 line" : "\(HumanFormat.count(Int64(summary.problemCount))) lines"
        throw CommandFailure(
            .dataInvalid, "\(path) has \(count) that cannot be sent; nothing was queued.",
            fix: summary.lines > 0 ? "Mend them, or leave them out with --skip-invalid." : nil)
    }

    /// Lists the first of them.
    func warn(_ console: Console) {
        let count = HumanFormat.count(Int64(summary.problemCount))
        console.warn(
            "\(path): \(count) of \(HumanFormat.count(Int64(summary.lines + summary.problemCount))) lines are left out")
        tell(Self.warned, console)
    }

    private func tell(_ limit: Int, _ console: Console) {
        for problem in summary.problems.prefix(limit) {
            console.warn("\(path):\(problem.line): \(problem.message)")
        }
        let rest = summary.problemCount - min(limit, summary.problems.count)
        if rest > 0 { console.warn("and \(HumanFormat.count(Int64(rest))) more") }
    }
}
