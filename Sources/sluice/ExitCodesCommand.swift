import ArgumentParser
import Terminal

/// Explains what commands end with.
struct ExitCodesCommand: SluiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "exit-codes",
        abstract: "What the exit status of a command means.",
        discussion: (ProcessExit.allCases.map { "\($0.rawValue)\t\($0.meaning)" }
            + ["128+n\tended by signal n: 130 is Ctrl-C"]).joined(separator: "\n"))

    @OptionGroup var output: OutputFlags

    func perform(_ console: Console) async throws -> ProcessExit {
        var table = TextTable([.init("code", key: "code"), .init("meaning", key: "meaning")])
        for code in ProcessExit.allCases { table.append([.count(Int64(code.rawValue)), .text(code.meaning)]) }
        try console.show(table)
        if !output.json { try console.show(["A command that signal n ended has 128+n: 130 is Ctrl-C."]) }
        return .ok
    }
}
