import Testing

/// What needs no database.
struct CommandLineTests {
    @Test func `the version is one line`() async throws {
        let ended = try await SluiceProgram.run(["--version"])
        #expect(ended.status == 0)
        #expect(ended.lines.count == 1)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `there is a completion script`(shell: String) async throws {
        let ended = try await SluiceProgram.run(["--generate-completion-script", shell])
        #expect(ended.status == 0)
        #expect(ended.output.contains("doctor"))
    }

    @Test(arguments: [
        ["no-such-command"], ["status", "--no-such-option"], ["scale", "a", "-1"], ["scale", "a", "many"],
        ["status", "--data", "x", "--database-url", "y"], ["worker"],
        ["worker", "--deployment", "a", "--memory-limit", "1"],
    ])
    func `a wrong command line ends with 64`(arguments: [String]) async throws {
        let ended = try await SluiceProgram.run(arguments)
        #expect(ended.status == 64)
        #expect(ended.output.isEmpty && !ended.errors.isEmpty)
    }

    @Test func `without a database the sentence names sluice up`() async throws {
        let ended = try await SluiceProgram.run(["status"])
        #expect(ended.status == 78)
        #expect(ended.errors.contains("sluice up"))
        #expect(ended.errors.split(separator: "\n").count == 2)
    }

    @Test func `errors are JSON too when results are`() async throws {
        let ended = try await SluiceProgram.run(["status", "--json"])
        #expect(ended.status == 78)
        #expect(ended.lines.first?.hasPrefix(#"{"error": {"message": "#) == true)
    }

    @Test(arguments: [
        ("postgresql://nobody@127.0.0.1:1/none", 69), ("host=/nowhere dbname=x", 69), ("host= =", 78),
        ("no_such_option=1", 78),
    ])
    func `a database that is not there is one sentence`(url: String, status: Int32) async throws {
        for command in [["status"], ["migrate"], ["scale", "a", "1"]] {
            let ended = try await SluiceProgram.run(command + ["--database-url", url])
            #expect(ended.status == status, "\(command): \(ended.errors)")
            #expect(ended.errors.hasPrefix("error: "))
        }
    }

    @Test func `a password is never shown`() async throws {
        let ended = try await SluiceProgram.run([
            "status", "--database-url", "postgresql://nobody:hush-hush@127.0.0.1:1/none",
        ])
        #expect(ended.status == 69)
        #expect(!ended.errors.contains("hush-hush"))
    }

    @Test func `a setting that cannot be read is named`() async throws {
        let ended = try await SluiceProgram.run(["status"], environment: ["SLUICE_WORKER_DRAIN_GRACE": "soon"])
        #expect(ended.status == 78)
        #expect(ended.errors.contains("SLUICE_WORKER_DRAIN_GRACE"))
    }

    @Test func `every exit code is explained`() async throws {
        let ended = try await SluiceProgram.run(["exit-codes"])
        for code in ["0", "1", "64", "65", "66", "69", "70", "73", "74", "75", "77", "78"] {
            #expect(ended.lines.contains { $0.split(separator: " ").first == code[...] })
        }
        let help = try await SluiceProgram.run(["help", "exit-codes"])
        #expect(help.status == 0 && help.output.contains("130"))
    }

    @Test func `colours are for terminals that want them`() async throws {
        let program = try "'\(TestProducts.sluice)' exit-codes"
        func shown(_ variables: [String: String]) async throws -> SluiceProgram.Ended {
            try await SluiceProgram.run(
                program: "script", ["-qec", program, "/dev/null"],
                environment: ["TERM": "xterm"].merging(variables) { $1 })
        }
        #expect(try await shown([:]).output.contains("\u{1B}["))
        #expect(try await !shown(["NO_COLOR": "1"]).output.contains("\u{1B}["))
        #expect(try await !SluiceProgram.run(["exit-codes"]).output.contains("\u{1B}["))
    }
}
