import Glibc
import SystemPackage
import Terminal

/// Text a command is given: as it is, from a file, or from standard input.
enum SubmitInput {
    /// More than the queue takes by default.
    static let maximumBytes = 16 << 20

    /// All of a file, or of standard input for `-`: of `thing`, of which there may be `limit` bytes, whole MiB.
    ///
    /// - Throws: `CommandFailure`.
    @concurrent
    static func read(
        _ path: String, atMost limit: Int = maximumBytes, of thing: String = "a request"
    ) async throws -> [UInt8] {
        let name = path == "-" ? "standard input" : path
        do {
            let descriptor =
                path == "-" ? try FileDescriptor.standardInput.duplicate() : try .open(FilePath(path), .readOnly)
            return try descriptor.closeAfter {
                var bytes: [UInt8] = []
                var piece = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let count = try piece.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                    guard count > 0 else { return bytes }
                    bytes.append(contentsOf: piece[..<count])
                    guard bytes.count <= limit else {
                        throw CommandFailure(
                            .dataInvalid, "\(name) is larger than \(limit >> 20) MiB, the most \(thing) may be.")
                    }
                }
            }
        } catch let error as Errno {
            throw CommandFailure(
                .noInput,
                error == .noSuchFileOrDirectory ? "There is no file \(name)." : "\(name) cannot be read: \(error).")
        }
    }
}
