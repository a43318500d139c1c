import Testing

/// The repository keeps its own rules. Each rule is tried on a bad sample in `RuleTests`.
struct RepositoryTests {
    private func expectNone(_ findings: [Finding], sourceLocation: SourceLocation = #_sourceLocation) {
        let text = findings.map(\.description).joined(separator: "\n")
        #expect(findings.isEmpty, "\(text)", sourceLocation: sourceLocation)
    }

    @Test func `targets import only what the table allows`() async throws {
        expectNone(try await Repository.swiftFiles().flatMap(ImportTable.findings))
    }

    @Test func `every target is compiled with the six upcoming features`() throws {
        let manifest = try Repository.text(of: "Package.swift")
        let features = [
            "ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility", "InferIsolatedConformances",
            "NonisolatedNonsendingByDefault", "ImmutableWeakCaptures",
        ]
        for feature in features { #expect(manifest.contains("\"\(feature)\"")) }
        #expect(manifest.contains("for target in package.targets where target.type != .system {"))
        #expect(manifest.contains("swiftLanguageModes: [.v6]"))
    }

    @Test func `files are small`() async throws {
        let files = try await Repository.swiftFiles()
        let sources = files.filter { $0.path.hasPrefix("Sources/") }
        #expect(FileSizes.median(of: sources.map(\.lines.count)) < FileSizes.medianLimit)
        expectNone(files.flatMap(FileSizes.findings))
    }

    @Test func `banned calls are not made`() async throws {
        expectNone(try await Repository.swiftFiles().flatMap(BannedCall.findings))
    }

    @Test func `nothing is left unfinished`() async throws {
        expectNone(try await Repository.files().flatMap(TextRules.unfinishedWork))
    }

    @Test func `nothing refers to where the project was written`() async throws {
        expectNone(try await Repository.files().flatMap(TextRules.foreignPaths))
    }

    @Test func `no build output is tracked`() async throws {
        guard let paths = try await Repository.trackedPaths() else { return }
        #expect(paths.filter(BuildOutput.contains) == [])
    }

    @Test func `tables and functions describe themselves`() async throws {
        expectNone(SQLComments.findings(in: try await Repository.files { $0.hasSuffix(".sql") }))
    }

    @Test(.enabled(if: Repository.exists("README.md"))) func `commands of the README exist`() async throws {
        let readme = SourceFile(path: "README.md", text: try Repository.text(of: "README.md"))
        let sources = try await Repository.files { $0.hasPrefix("Sources/sluice/") }
        expectNone(
            ReadmeCommands.findings(
                in: readme,
                make: ReadmeCommands.makeTargets(in: try Repository.text(of: "Makefile")),
                sluice: ReadmeCommands.subcommands(in: sources)
            ))
    }
}
