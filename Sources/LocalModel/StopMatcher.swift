/// Finds the first of some stop strings in a text that comes in pieces, wherever the pieces are cut.
///
/// It holds back what could still become a stop string, and no more than that.
struct StopMatcher: Sendable {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    /// A matcher for these strings; empty ones are ignored.
    init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// Whether there is anything to look for.
    var isActive: Bool { !stops.isEmpty }

    /// Takes the next piece, and appends to `text` what is certain not to belong to a stop string.
    ///
    /// The stop string that is complete first counts, of several that are complete at once the longest.
    /// - Returns: whether one is complete: what came before it is in `text`, and nothing more will be.
    mutating func take(_ piece: some Sequence<UInt8>, into text: inout [UInt8]) -> Bool {
        for byte in piece {
            held.append(byte)
            var length = 0
            for stop in stops where held.ends(with: stop[...]) { length = max(length, stop.count) }
            if length > 0 {
                text.append(contentsOf: held[..<(held.count - length)])
                held.removeAll()
                return true
            }
        }
        let kept = (0...held.count).first { start in
            stops.contains { $0.count > held.count - start && $0.starts(with: held[start...]) }
        }
        let start = kept ?? held.count
        text.append(contentsOf: held[..<start])
        held.removeFirst(start)
        return false
    }

    /// Appends what was held back, when there will be no more pieces.
    mutating func finish(into text: inout [UInt8]) {
        text.append(contentsOf: held)
        held.removeAll()
    }
}

extension Array<UInt8> {
    fileprivate func ends(with other: ArraySlice<UInt8>) -> Bool {
        count >= other.count && self[(count - other.count)...].elementsEqual(other)
    }
}
