import FoundationEssentials
import Glibc

/// A folder below `/tmp` for one test, which any account may enter.
package struct TemporaryFolder: Sendable {
    /// Where it is.
    package let path: String

    /// Makes an empty folder.
    package init() throws {
        var template = Array("/tmp/sluice-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self) }
        chmod(path, 0o711)
    }

    /// Removes it and everything in it.
    package func remove() throws { try FileManager.default.removeItem(atPath: path) }

    /// Makes a folder, runs `body`, and removes the folder whatever came of it.
    package static func with<Result>(_ body: (TemporaryFolder) async throws -> Result) async throws -> Result {
        let folder = try TemporaryFolder()
        do {
            let result = try await body(folder)
            try folder.remove()
            return result
        } catch {
            try folder.remove()
            throw error
        }
    }
}
