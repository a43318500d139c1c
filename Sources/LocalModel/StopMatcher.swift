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
    /// - Returns: whether a stop string is complete: what came before it is in `text`, and nothing more will be.
    mutating func take(_ piece: some Sequence<UInt8>, into text: inout [UInt8]) -> Bool {
        held.append(contentsOf: piece)
        var start = 0
        while start < held.count {
            var isPossible = false
            for stop in stops {
                let length = min(stop.count, held.count - start)
                guard held[start..<(start + length)].elementsEqual(stop[..<length]) else { continue }
                if length == stop.count {
                    text.append(contentsOf: held[..<start])
                    held.removeAll()
                    return true
                }
                isPossible = true
            }
            if isPossible { break }
            start += 1
        }
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
