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
    /// How far the file was read.
    private(set) var offset: Int64
    /// The hashes of the blocks read.
    private(set) var blocks: [SHA256Digest] = []
    /// Whether the whole file was read.
    private(set) var isAtEnd = false

    /// What is read at a time: a block.
    static let blockBytes = 1 << 19
    private let file: BatchFile
    /// What the blocks have to be; nil: anything.
    private let expected: [SHA256Digest]?
    private var start = 0
    private var searched = 0
    private var end = 0

    /// Reads `file` from `offset` on, which is where a block begins.
    init(_ file: BatchFile, from offset: Int64 = 0, expecting expected: [SHA256Digest]? = nil) {
        self.file = file
        self.offset = offset
        self.expected = expected
        bytes = Array(repeating: 0, count: 2 * Self.blockBytes)
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

    /// Where in the file the byte at `place` of `bytes` is.
    func fileOffset(of place: Int) -> Int64 { offset - Int64(end - place) }

    /// Where in `bytes` some bytes of the file are until the next call; the file is read as far as that, and what comes
    /// before them is forgotten.
    mutating func find(_ range: Range<Int64>) throws(BatchFileError) -> Int {
        while offset < range.upperBound, !isAtEnd {
            start = max(0, end - Int(clamping: max(0, offset - range.lowerBound)))
            try fill()
        }
        let place = end - Int(clamping: offset - range.lowerBound)
        guard offset >= range.upperBound, place >= 0 else { throw BatchFileError(.changed, path: file.path) }
        start = place
        return place
    }

    /// Reads as far as blocks are expected and forgets it.
    mutating func readExpected() throws(BatchFileError) {
        while let expected, blocks.count < expected.count {
            guard !isAtEnd else { throw BatchFileError(.changed, path: file.path) }
            start = end
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
        if bytes.count - end < Self.blockBytes {
            let wanted = min(
                max(2 * bytes.count, end + Self.blockBytes), file.limits.maximumLineBytes + 2 * Self.blockBytes)
            bytes.append(contentsOf: repeatElement(0, count: max(wanted, end + Self.blockBytes) - bytes.count))
        }
        let count = try readBlock()
        if count < Self.blockBytes { isAtEnd = true }
        let block = end..<end + count
        blocks.append(bytes.withUnsafeBytes { SHA256.hash(data: UnsafeRawBufferPointer(rebasing: $0[block])) })
        if let expected, expected.count < blocks.count || expected[blocks.count - 1] != blocks[blocks.count - 1] {
            throw BatchFileError(.changed, path: file.path)
        }
        end += count
        offset += Int64(count)
        guard offset <= file.limits.maximumBytes else { throw BatchFileError(.tooLarge, path: file.path) }
    }

    /// Reads a block behind `end` and returns how much of it there is: less than a block at the end of the file.
    private mutating func readBlock() throws(BatchFileError) -> Int {
        let (end, offset, descriptor) = (end, offset, file.descriptor)
        do {
            return try bytes.withUnsafeMutableBytes { buffer in
                let block = UnsafeMutableRawBufferPointer(rebasing: buffer[end..<end + Self.blockBytes])
                var count = 0
                while count < block.count {
                    let read = try descriptor.read(
                        fromAbsoluteOffset: offset + Int64(count),
                        into: UnsafeMutableRawBufferPointer(rebasing: block[count...]))
                    if read == 0 { break }
                    count += read
                }
                return count
            }
        } catch {
            throw BatchFileError(BatchFile.errno(error), path: file.path, otherwise: .readFailed)
        }
    }
}
