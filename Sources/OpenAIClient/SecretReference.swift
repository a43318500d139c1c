internal import BackendKit
internal import Glibc

/// Where a secret is: `env:NAME` or `file:/path`. The secret itself is in no configuration, error or log.
struct SecretReference: Sendable, Hashable {
    /// The longest secret that is read.
    static let maximumBytes = 16_384

    private enum Place: Hashable {
        case environment(String)
        case file(String)
    }

    private let place: Place

    /// Reads a reference; nil when `text` is none. A text that is none may be a secret: do not show it.
    init?(_ text: String) {
        if text.hasPrefix("env:"), text.utf8.count > 4 {
            place = .environment(String(text.dropFirst(4)))
        } else if text.hasPrefix("file:/") {
            place = .file(String(text.dropFirst(5)))
        } else {
            return nil
        }
    }

    /// The secret, without white space around it.
    ///
    /// - Throws: `auth` with a sentence that names the place when there is nothing there that could be sent in a header.
    func resolve() throws(BackendFailure) -> String {
        let found: String
        switch place {
        case .environment(let name):
            guard let value = getenv(name) else {
                throw BackendFailure(.auth, "the environment variable \(name), which should hold a secret, is not set")
            }
            found = String(cString: value)
        case .file(let path): found = String(decoding: try Self.contents(of: path), as: UTF8.self)
        }
        let secret = Self.trimmed(found)
        guard !secret.isEmpty else { throw BackendFailure(.auth, "the secret in \(self) is empty") }
        guard secret.utf8.count <= Self.maximumBytes, secret.utf8.allSatisfy({ 0x20...0x7e ~= $0 }) else {
            throw BackendFailure(.auth, "the secret in \(self) is not one line of at most 16 KiB in ASCII")
        }
        return secret
    }

    private static func contents(of path: String) throws(BackendFailure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            throw BackendFailure(.auth, "the file \(path), which should hold a secret, cannot be read (errno \(errno))")
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 2)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                read(file, $0.baseAddress.map { $0 + filled }, $0.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw BackendFailure(
                    .auth, "the file \(path), which should hold a secret, cannot be read (errno \(errno))")
            }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes[..<filled])
    }

    private static func trimmed(_ text: String) -> String {
        let isSpace = { (character: Character) in
            character == " " || character == "\n" || character == "\r\n" || character == "\t"
        }
        guard let first = text.firstIndex(where: { !isSpace($0) }), let last = text.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(text[first...last])
    }
}

extension SecretReference: CustomStringConvertible {
    /// The place, as it is written in a configuration.
    var description: String {
        switch place {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        }
    }
}
