/// What a build makes does not belong in git; the model of the tests, which takes a minute of training, does.
enum BuildOutput {
    private static let folders = [".build/", ".swiftpm/", "DerivedData/"]
    private static let suffixes = [
        ".o", ".so", ".a", ".dylib", ".swiftmodule", ".swiftdoc", ".xctest", ".gguf", ".profraw", ".log", ".orig",
        ".rej",
    ]

    static func contains(_ path: String) -> Bool {
        if path.hasPrefix("Tests/Models/"), path.hasSuffix(".gguf") { return false }
        return folders.contains { path.hasPrefix($0) || path.contains("/\($0)") }
            || suffixes.contains { path.hasSuffix($0) }
    }
}
