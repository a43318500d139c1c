internal import Glibc

extension BackendFile {
    /// The path of the backend called `name`.
    ///
    /// A name with a slash is a path already and returned as it is. Otherwise the directories are searched in order for
    /// `libNAME.so` or `libNAMEBackend.so`, also without `lib`; capitals do not matter, nor do `-` and `_`. So `mock` finds
    /// `libMockBackend.so`, `examplec` finds `libExampleC.so`. The shorter form wins within a directory, then the first in
    /// byte order.
    /// - Throws: `notFound`, naming the backends that were seen.
    package static func locate(_ name: String, in directories: [String]) throws(BackendError) -> String {
        if name.contains("/") { return name }
        let wanted = normalized(name)
        var seen: [String] = []
        for directory in directories {
            let files = libraries(in: directory)
            for suffix in ["", "backend"] {
                if let file = files.first(where: { normalized(stem(of: $0)) == wanted + suffix }) {
                    return directory + "/" + file
                }
            }
            seen += files.map { String(stem(of: $0)) }
        }
        throw BackendError(
            .notFound,
            "there is no backend of that name",
            [
                "name": name, "directories": directories.joined(separator: ":"),
                "seen": seen.isEmpty ? "none" : seen.prefix(20).joined(separator: " "),
            ]
        )
    }

    /// The backend libraries directly in `directory`, in byte order: names, at most 1,000.
    ///
    /// Empty when it cannot be read.
    package static func libraries(in directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while names.count < 1_000, let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".so"), name.count > 3 { names.append(name) }
        }
        return names.sorted()
    }

    private static func stem(of file: String) -> Substring {
        let name = file.dropLast(3)
        return name.hasPrefix("lib") ? name.dropFirst(3) : name
    }

    private static func normalized(_ text: some StringProtocol) -> String {
        text.lowercased().filter { $0 != "-" && $0 != "_" }
    }
}
