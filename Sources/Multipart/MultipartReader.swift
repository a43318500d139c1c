internal import Glibc

/// Divides the body of a `multipart/form-data` request (RFC 7578, RFC 2046) into its parts, piece by piece as it arrives.
///
/// Pure: bytes in, events out. It holds what it was given last and a boundary's length of what came before, and of a part's
/// head as much as the bounds allow. Strict: a boundary ends with its line, a head is a list of fields, and what comes to
/// an end before the closing boundary is an error. Preamble and epilogue are passed over, as RFC 2046 wants it.
package struct MultipartReader: Sendable {
    /// What was found.
    package enum Event: Sendable, Equatable {
        /// A part begins.
        case part(MultipartPart)
        /// Some more of its content; how it is cut has no meaning.
        case content([UInt8])
        /// It ends.
        case endOfPart
    }

    /// How much a form may ask for.
    package struct Limits: Sendable {
        /// Bytes of the head of a part.
        package var headBytes = 8 << 10
        /// Parts of a form.
        package var parts = 32
        /// Bytes before the first boundary.
        package var preambleBytes = 8 << 10

        package init() {}
    }

    private enum State {
        case preamble
        /// Behind a boundary: what follows says whether it was the last.
        case boundary
        case head
        case content
        case epilogue
    }

    /// CR, LF, two hyphens and the boundary.
    private let delimiter: [UInt8]
    private let limits: Limits
    private var state = State.preamble
    // The first boundary may stand at the very beginning: as if a line had ended before it.
    private var buffer: [UInt8] = [0x0D, 0x0A]
    private var place = 0
    private var passed = 0
    private var parts = 0

    /// A reader for the boundary that a Content-Type header names.
    ///
    /// - Throws: `MultipartError.notMultipart` when it names another type, `.invalidBoundary` when no usable boundary.
    package init(contentType: String, limits: Limits = Limits()) throws(MultipartError) {
        let value = MultipartPart.HeaderValue(contentType)
        guard value.word.lowercased() == "multipart/form-data" else { throw MultipartError(.notMultipart) }
        guard let boundary = value.parameters["boundary"], 1...70 ~= boundary.utf8.count,
            boundary.utf8.allSatisfy({ 0x20...0x7E ~= $0 }), !boundary.hasSuffix(" ")
        else { throw MultipartError(.invalidBoundary) }
        delimiter = Array("\r\n--\(boundary)".utf8)
        self.limits = limits
    }

    /// Whether the closing boundary was read.
    package var isComplete: Bool { state == .epilogue }

    /// Takes in what arrived.
    ///
    /// Call `next` until it returns nil before the next call, so that memory stays bounded.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        if place > 0 {
            buffer.removeSubrange(..<place)
            place = 0
        }
        if state != .epilogue { buffer.append(contentsOf: bytes) }
    }

    /// The next event; nil: more has to arrive first.
    ///
    /// - Throws: `MultipartError`; the reader is of no use then.
    package mutating func next() throws(MultipartError) -> Event? {
        while true {
            switch state {
            case .preamble:
                let found = find()
                passed += found.end - place
                place = found.end
                guard passed <= limits.preambleBytes + delimiter.count else { throw MultipartError(.preambleTooLong) }
                guard found.isDelimiter else { return nil }
                place += delimiter.count
                state = .boundary
            case .boundary:
                guard let isLast = try boundaryEnd() else { return nil }
                state = isLast ? .epilogue : .head
                if !isLast {
                    parts += 1
                    guard parts <= limits.parts else { throw MultipartError(.tooManyParts) }
                }
            case .head:
                guard let part = try head() else { return nil }
                state = .content
                return .part(part)
            case .content:
                let found = find()
                if found.end > place {
                    let content = Array(buffer[place..<found.end])
                    place = found.end
                    return .content(content)
                }
                guard found.isDelimiter else { return nil }
                place += delimiter.count
                state = .boundary
                return .endOfPart
            case .epilogue:
                buffer = []
                place = 0
                return nil
            }
        }
    }

    /// Says that nothing more arrives.
    ///
    /// - Throws: `MultipartError.truncated` when the closing boundary was not read.
    package func finish() throws(MultipartError) {
        guard isComplete else { throw MultipartError(.truncated) }
    }

    /// Where what comes before the next delimiter ends, and whether that is there, or what arrived so far may be its
    /// beginning.
    private func find() -> (end: Int, isDelimiter: Bool) {
        buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return (place, false) }
            var from = place
            while from < bytes.count {
                guard let found = memchr(base + from, 0x0D, bytes.count - from) else { return (bytes.count, false) }
                let start = UnsafeRawPointer(found) - base
                let length = min(delimiter.count, bytes.count - start)
                if memcmp(base + start, delimiter, length) == 0 { return (start, length == delimiter.count) }
                from = start + 1
            }
            return (bytes.count, false)
        }
    }

    /// Whether the boundary was the last, once its line has ended; nil before.
    private mutating func boundaryEnd() throws(MultipartError) -> Bool? {
        guard buffer.count - place >= 2 else { return nil }
        if buffer[place] == 0x2D, buffer[place + 1] == 0x2D { return true }
        var end = place
        while end < buffer.count, buffer[end] == 0x20 || buffer[end] == 0x09 { end += 1 }
        guard end - place <= limits.headBytes else { throw MultipartError(.invalidBoundary) }
        guard buffer.count - end >= 2 else { return nil }
        guard buffer[end] == 0x0D, buffer[end + 1] == 0x0A else { throw MultipartError(.invalidBoundary) }
        // The line break stays: a head without fields is the end of that line and an empty one.
        place = end
        return false
    }

    /// The head of a part, once all of it has arrived.
    private mutating func head() throws(MultipartError) -> MultipartPart? {
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        var last = place
        while last + end.count <= buffer.count {
            guard last - place <= limits.headBytes else { break }
            if buffer[last] == 0x0D, buffer[last..<last + end.count].elementsEqual(end) {
                let text = buffer[place..<last]
                place = last + end.count
                return try MultipartPart(head: text)
            }
            last += 1
        }
        guard buffer.count - place <= limits.headBytes else { throw MultipartError(.headTooLong) }
        return nil
    }
}
