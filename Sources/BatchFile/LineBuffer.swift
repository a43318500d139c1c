import Crypto
import Glibc
import SystemPackage

/// Divides a file into lines with one buffer, which grows no further than the longest line allowed plus one read.
struct LineBuffer {
    /// A line: where it is in `bytes` until the next call, without its line feed; or that there was one, but too long.
    enum Line {
        case text(Range<Int>)
        case tooLong
    }

    /// The buffer.
    private(set) var bytes: [UInt8]
    /// How much of the file was read.
    private(set) var offset: Int64 = 0
    /// The hash of what was read.
    private(set) var hash = SHA256()
    /// Whether the whole file was read.
    private(set) var isAtEnd = false

    private static let readBytes = 1 << 19
    private let file: BatchFile
    private var start = 0
    private var searched = 0
    private var end = 0

    init(_ file: BatchFile) {
        self.file = file
        bytes = Array(repeating: 0, count: 2 * Self.readBytes)
    }

    /// The next line; nil at the end of the file.
    mutating func next() throws(BatchFileError) -> Line? {
        let maximum = file.limits.maximumLineBytes
        var tooLong = false
        while true {
            if let newline = newline() {
                let line = start..<newline
                start = newline + 1
                searched = start
                return tooLong || line.count > maximum ? .tooLong : .text(line)
            }
            searched = end
            if isAtEnd {
                let line = start..<end
                start = end
                if tooLong || line.count > maximum { return .tooLong }
                return line.isEmpty ? nil : .text(line)
            }
            if end - start > maximum {
                tooLong = true
                start = end
            }
            try fill()
        }
    }

    /// The first line feed that was not looked at before.
    private func newline() -> Int? {
        let (searched, end) = (searched, end)
        return bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base + searched, 0x0A, end - searched) else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }

    /// Reads on, behind what is left of the line in hand.
    private mutating func fill() throws(BatchFileError) {
        if start > 0 {
            let rest = start..<end
            bytes.withUnsafeMutableBytes { buffer in
                if let base = buffer.baseAddress, !rest.isEmpty { memmove(base, base + rest.lowerBound, rest.count) }
            }
            (start, searched, end) = (0, searched - rest.lowerBound, rest.count)
        }
        if bytes.count - end < Self.readBytes {
            let wanted = min(
                max(2 * bytes.count, end + Self.readBytes), file.limits.maximumLineBytes + 2 * Self.readBytes)
            bytes.append(contentsOf: repeatElement(0, count: max(wanted, end + Self.readBytes) - bytes.count))
        }
        let (end, offset, descriptor) = (end, offset, file.descriptor)
        let count: Int
        do {
            count = try bytes.withUnsafeMutableBytes { buffer in
                try descriptor.read(
                    fromAbsoluteOffset: offset,
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[end..<end + Self.readBytes])
                )
            }
        } catch {
            throw BatchFileError(BatchFile.errno(error), path: file.path, otherwise: .readFailed)
        }
        if count == 0 { isAtEnd = true }
        bytes.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[end..<end + count])) }
        self.end += count
        self.offset += Int64(count)
        guard self.offset <= file.limits.maximumBytes else { throw BatchFileError(.tooLarge, path: file.path) }
    }
}
