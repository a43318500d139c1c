import Testing

/// Each rule, tried on a sample that breaks it and on one that does not.
struct RuleTests {
    private func file(_ text: String, at path: String = "Sources/Domain/Sample.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    @Test func `a forbidden import is found, whatever its form`() {
        let sample = file(
            "import Domain\n@testable import Queue\npublic import struct Logging.Logger\n// import Worker\n")
        #expect(ImportTable.imports(of: sample).map(\.module) == ["Domain", "Queue", "Logging"])
        #expect(ImportTable.findings(in: file("package import Glibc\n")).map(\.line) == [1])
        #expect(ImportTable.findings(in: file("import Domain", at: "Sources/Fleet/A.swift")).isEmpty)
        #expect(ImportTable.findings(in: file("import Supervisor", at: "Sources/Worker/A.swift")).count == 1)
        #expect(ImportTable.findings(in: file("import Domain", at: "Tests/FleetTests/A.swift")).isEmpty)
    }

    @Test func `a target without a row is found`() {
        #expect(ImportTable.findings(in: file("", at: "Sources/Brandnew/A.swift")).count == 1)
        #expect(ImportTable.findings(in: file("", at: "Tests/BrandnewTests/A.swift")).count == 1)
    }

    @Test(
        arguments: [
            "let a = try? b()", "try! b()", "a as! B", "fatalError(\"no\")", "Task { }", "_ = Task.detached { }",
            "let p = Process()", "Foundation.Process", "Thread.sleep(1)", "usleep(5)", "sleep(1)",
            "let t: Task<Int, Never>",
            "@_exported import A", "import XCTest",
        ])
    func `a banned call is found`(line: String) {
        #expect(BannedCall.findings(in: file("ok()\n\(line)\n")).map(\.line).contains(2))
    }

    @Test(
        arguments: [
            "// try? b()", "let a = \"try! b()\"", "/* as! */", "try await Task.sleep(for: x)", "myTask {",
            "TaskGroup { }",
            "Task.isCancelled", "Subprocess.run()", "let a = #\"fatalError(\"x\")\"#",
            "let x = \"\"\"\n  try? b\n  \"\"\"",
            "try?()  // tidy: allow swallowed-error: a sample", "// tidy: allow forced-try: a sample\ntry! b()",
        ])
    func `what only looks like one is not`(text: String) {
        #expect(BannedCall.findings(in: file(text)) == [])
    }

    @Test func `a test that sleeps is found`() {
        #expect(BannedCall.findings(in: file("try await Task.sleep(for: x)", at: "Tests/ATests/A.swift")).count == 1)
    }

    @Test func `code after strings and comments is still code`() {
        let sample = file("let a = \"\\\"\" ; try! b() /* c /* d */ e */ ; f as! G\n")
        #expect(BannedCall.findings(in: sample).map(\.what) == ["try!", "as!"])
    }

    @Test func `unfinished work is found`() {
        for word in TextRules.unfinished {
            #expect(TextRules.unfinishedWork(in: file("// \(word): later")).count == 1)
        }
        #expect(TextRules.unfinishedWork(in: file("mkdtemp(\"a" + "XXXXXX\")")).isEmpty)
    }

    @Test func `a path of the workplace is found, a worker is not`() {
        let place = "/wo" + "rk"
        #expect(TextRules.foreignPaths(in: file("see \(place)/main")).count == 1)
        #expect(TextRules.foreignPaths(in: file("see ../sha" + "red/x")).count == 1)
        #expect(TextRules.foreignPaths(in: file("/worker, a/b\(place)er, net\(place)")).isEmpty)
    }

    @Test func `a long file needs a reason`() {
        let long = String(repeating: "\n", count: FileSizes.limit + 1)
        #expect(FileSizes.findings(in: file(long)).count == 1)
        #expect(FileSizes.findings(in: file(FileSizes.reasonMark + "it is a table." + long)).isEmpty)
        #expect(FileSizes.median(of: [1, 500, 20]) == 20)
    }

    @Test func `build output is known`() {
        #expect(BuildOutput.contains(".build/debug.yaml") && BuildOutput.contains("lib/libA.so"))
        #expect(!BuildOutput.contains("Sources/Fleet/Score.swift"))
    }

    @Test func `an object without a comment is found`() {
        let sample = file(
            """
            CREATE TABLE sluice.a (
            CREATE UNLOGGED TABLE IF NOT EXISTS sluice.b (
            CREATE OR REPLACE FUNCTION sluice.c(x int)
            create table sluice.a_1 partition of sluice.a
            CREATE VIEW sluice.d AS
            COMMENT ON TABLE sluice.a IS 'A.';
            COMMENT ON FUNCTION sluice.c(int) IS 'C.';
            """, at: "sql/sample.sql")
        #expect(SQLComments.findings(in: [sample]).map(\.line) == [2, 5])
    }

    @Test func `a command that does not exist is found`() {
        let readme = file(
            "make love\n```sh\nmake demo\nmake tea\n$ sluice up --data x\nbin/sluice fly\nsluice --help\n```\n",
            at: "README.md")
        let make = ReadmeCommands.makeTargets(in: "demo: build ## x\nPREFIX := a\n.PHONY: x\n")
        let sluice = ReadmeCommands.subcommands(in: [
            file("    CommandConfiguration(commandName: \"up\", abstract: \"x\")")
        ])
        #expect(ReadmeCommands.findings(in: readme, make: make, sluice: sluice).map(\.line) == [4, 6])
    }
}
