/// Words that do not belong in the code, and what does.
struct BannedCall {
    /// The name in `// tidy: allow <name>: <reason>`.
    let name: String
    let needles: [String]
    let instead: String
    /// Whether a file is judged by it.
    let applies: @Sendable (_ path: String) -> Bool

    init(
        _ name: String, _ needles: [String], instead: String,
        in applies: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.name = name
        self.needles = needles
        self.instead = instead
        self.applies = applies
    }

    static let all: [BannedCall] = [
        BannedCall("swallowed-error", ["try?"], instead: "do and catch, and say what becomes of the error"),
        BannedCall("forced-try", ["try!"], instead: "throw"),
        BannedCall("forced-cast", ["as!"], instead: "as? and an error"),
        BannedCall("trap", ["fatalError("], instead: "throw; precondition for a broken invariant of ours"),
        BannedCall(
            "unstructured-task", ["Task {", "Task.detached", "Task<", "Task.init"],
            instead: "a child of a task group in run()"),
        BannedCall(
            "foundation-process", ["Process()", "Foundation.Process", "NSTask"],
            instead: "swift-subprocess: Foundation's gives children a blocked SIGTERM"),
        BannedCall(
            "blocking-sleep", ["Thread.sleep", "usleep(", "sleep("], instead: "Task.sleep, or wait for an event"),
        BannedCall(
            "sleeping-test", ["Task.sleep"], instead: "wait for the event, or eventually(…) where there is none",
            in: { $0.hasPrefix("Tests/") }),
        BannedCall("xctest", ["import XCTest"], instead: "import Testing"),
        BannedCall(
            "reexport", ["@_exported", "@_implementationOnly"], instead: "public import, package import or import"),
    ]

    static func findings(in file: SourceFile) -> [Finding] {
        guard file.isSwift else { return [] }
        return all.filter { $0.applies(file.path) }.flatMap { call in
            call.needles.flatMap { needle in
                file.places(of: needle).filter { line in
                    // Reading Task.sleep as a sleep( would be wrong.
                    !(needle == "sleep(" && file.code[line - 1].contains(".sleep("))
                        && !file.allows(call.name, line: line)
                }.map { Finding(path: file.path, line: $0, what: needle, instead: "\(call.instead) [\(call.name)]") }
            }
        }
    }
}
