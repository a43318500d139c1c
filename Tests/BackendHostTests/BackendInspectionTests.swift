import BackendHost
import Testing

@Suite struct BackendInspectionTests {
    /// A program that only loads a library, as an inspection does, and prints nothing of use.
    // tidy: allow unstructured-task: compiled once, by whichever test asks first.
    private static let loader = Task {
        try await TemporaryFolder().compile(
            Array(
                """
                #include <dlfcn.h>
                #include <stdio.h>
                int main(int c, char **v) { if (!dlopen(v[1], RTLD_NOW)) puts(dlerror()); puts("{}"); return 0; }
                """.utf8
            ),
            [],
            library: false
        )
    }

    /// Longer than the slowest machine takes for what does not hang.
    private static let patience = Duration.seconds(300)

    @Test(arguments: ["mock", "ExampleC"]) func theDescriptionCrossesTheProcessBoundary(name: String) async throws {
        let file = try BackendProducts.file(name)
        let text = BackendInspection.describe(file.path)
        let found = try await BackendInspection.run(
            file, command: ["/bin/echo", "noise\n" + text], timeLimit: Self.patience)
        #expect(found.file == file)
        #expect(found.descriptor == (try Backend.load(file)).descriptor)
    }

    @Test func whatTheChildRefusesIsThrownAsTheChildSawIt() async throws {
        let file = try await BackendProducts.puppet("MAJOR=3")
        let text = BackendInspection.describe(file.path)
        let error = await #expect(throws: BackendError.self) {
            try await BackendInspection.run(file, command: ["/bin/echo", text], timeLimit: Self.patience)
        }
        #expect(error?.code == .abiMismatch)
        #expect(error?.description.contains("backend_abi 3.7") == true)
    }

    @Test func aCrashInTheChildIsAClearError() async throws {
        let file = try await BackendProducts.puppet("CONSTRUCTOR=fputs(\"bye\",stderr);abort()")
        let error = await inspect(file)
        #expect(error?.code == .inspectionFailed)
        #expect(error?.description.contains("crashed") == true)
        #expect(error?.cause == "signal 6, last words: bye")
        let fault = await inspect(try await BackendProducts.puppet("CONSTRUCTOR=*(volatile int*)8=1"))
        #expect(fault?.cause == "signal 11")
    }

    @Test func aHangInTheChildIsAClearError() async throws {
        let file = try await BackendProducts.puppet("CONSTRUCTOR=for(;;)pause()")
        let error = await inspect(file, limit: .milliseconds(200))
        #expect(error?.code == .inspectionFailed)
        #expect(error?.description.contains("hung") == true)
    }

    @Test func aLibraryThatEndsTheProcessIsAClearError() async throws {
        let error = await inspect(try await BackendProducts.puppet("CONSTRUCTOR=_exit(0)"))
        #expect(error?.description.contains("no result") == true)
        let status = await inspect(try await BackendProducts.puppet("CONSTRUCTOR=_exit(3)"))
        #expect(status?.cause == "exit status 3")
    }

    @Test func aChildThatSaysSomethingElseIsAClearError() async throws {
        #expect(await inspect(try await BackendProducts.puppet())?.description.contains("something else") == true)
        let file = try BackendProducts.file("mock")
        let missing = await #expect(throws: BackendError.self) {
            try await BackendInspection.run(file, command: ["/no/such/program"])
        }
        #expect(missing?.code == .inspectionFailed)
    }

    @Test func anotherFileThanTheOneMeantIsNoticed() async throws {
        let (file, other) = (try BackendProducts.file("mock"), try BackendProducts.file("examplec"))
        let text = BackendInspection.describe(other.path)
        let error = await #expect(throws: BackendError.self) {
            try await BackendInspection.run(file, command: ["/bin/echo", text], timeLimit: Self.patience)
        }
        #expect(error?.code == .digestMismatch)
    }

    private func inspect(_ file: BackendFile, limit: Duration = patience) async -> BackendError? {
        await #expect(throws: BackendError.self) {
            let program = try await Self.loader.value
            _ = try await BackendInspection.run(file, command: [program, file.path], timeLimit: limit)
        }
    }
}
