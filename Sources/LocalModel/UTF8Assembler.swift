/// Makes valid UTF-8 of the pieces a model emits, which may end in the middle of a character.
///
/// What cannot be part of a character becomes U+FFFD, one for each maximal broken part, as Unicode recommends.
struct UTF8Assembler: Sendable {
    /// The beginning of a character that is not complete: at most three bytes.
    private var pending: [UInt8] = []

    /// Appends to `text` what `piece` completes.
    mutating func take(_ piece: UnsafeBufferPointer<UInt8>, into text: inout [UInt8]) {
        if pending.isEmpty, unsafe piece.allSatisfy({ $0 < 0x80 }) {
            unsafe text.append(contentsOf: piece)
            return
        }
        let bytes = unsafe pending + piece
        pending.removeAll(keepingCapacity: true)
        var index = 0
        while index < bytes.count {
            switch Self.character(in: bytes, at: index) {
            case .complete(let count):
                text.append(contentsOf: bytes[index..<(index + count)])
                index += count
            case .broken(let count):
                text.append(contentsOf: [0xef, 0xbf, 0xbd])
                index += count
            case .unfinished:
                pending.append(contentsOf: bytes[index...])
                return
            }
        }
    }

    /// Appends what stands for the rest, when there will be no more pieces.
    mutating func finish(into text: inout [UInt8]) {
        if !pending.isEmpty { text.append(contentsOf: [0xef, 0xbf, 0xbd]) }
        pending.removeAll()
    }

    private enum Found {
        case complete(Int)
        case broken(Int)
        case unfinished
    }

    /// The character, or broken part of one, that begins at `index`.
    private static func character(in bytes: [UInt8], at index: Int) -> Found {
        let lead = bytes[index]
        guard lead >= 0x80 else { return .complete(1) }
        guard 0xc2...0xf4 ~= lead else { return .broken(1) }
        let length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
        for offset in 1..<length {
            guard index + offset < bytes.count else { return .unfinished }
            let lowest: UInt8 = offset == 1 ? (lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80) : 0x80
            let highest: UInt8 = offset == 1 ? (lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf) : 0xbf
            guard lowest...highest ~= bytes[index + offset] else { return .broken(offset) }
        }
        return .complete(length)
    }
}
