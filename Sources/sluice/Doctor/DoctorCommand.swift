import ArgumentParser
import Terminal

/// Looks at everything that can be wrong and says what to do.
struct DoctorCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what is wrong, and say what to do about it.",
        discussion: "Ends with 1 when something is broken; warnings alone end with 0.")

    @Flag(help: "Leave out the check of every job, which reads everything.")
    var quick = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var backends: BackendOptions
    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        let examination = Examination(database: database, backends: backends, isQuick: quick)
        let findings = await examination.findings()
        var table = TextTable([
            .init("", key: "status"), .init("check", key: "check"), .init("seen", key: "seen", canShrink: true),
        ])
        if output.json {
            for finding in findings { try console.show(finding.json) }
        } else {
            for finding in findings {
                table.append([.word(finding.level.rawValue), .text(finding.check), .text(finding.seen)])
            }
            // Without the line of titles: every line explains itself.
            try console.show(Array(table.lines(width: console.width, palette: console.palette).dropFirst()))
            for finding in findings where finding.fix != nil {
                try console.show([
                    "", "\(finding.check): \(finding.seen)",
                    "  \(console.palette.paint("fix:", .green)) \(finding.fix ?? "")",
                ])
            }
        }
        return findings.contains { $0.level == .failed } ? .failed : .ok
    }
}
