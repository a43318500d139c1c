public import Domain
/// Why a command did not do what it was asked: what the person at the terminal reads before it ends.
public struct CommandFailure: Error, Sendable, Hashable {
    /// What is wrong, in one sentence.
    public let message: String
    /// What to do about it, in one sentence; nil when there is nothing better to say.
    public let fix: String?
    /// What the process ends with.
    public let exitCode: ExitCode

    /// A failure for the reason `message`, mended by `fix`.
    public init(_ exitCode: ExitCode, _ message: String, fix: String? = nil) {
        self.exitCode = exitCode
        self.message = message
        self.fix = fix
    }

    /// The failure as an object for `--json`: `{"error": {"message", "fix", "exit_code"}}`.
    public var json: JSONOutput {
        [
            "error": [
                "message": .string(message), "fix": fix.map(JSONOutput.string) ?? .null,
                "exit_code": .integer(Int64(exitCode.rawValue)),
            ]
        ]
    }

    /// The failure as lines for people.
    public func lines(_ palette: Palette) -> [String] {
        let first = palette.paint("error:", .red, .bold) + " " + message.printable
        guard let fix else { return [first] }
        return [first, palette.paint("  fix:", .green) + " " + fix.printable]
    }
}

extension CommandFailure: CustomStringConvertible {
    /// The message and the fix.
    public var description: String { fix.map { "\(message) \($0)" } ?? message }
}
