extension JSONScanner {
    /// Reads the whole text, value by value, without recursion: the depth costs memory of its own, never the stack's.
    mutating func walk(_ cursor: inout JSONCursor) throws(JSONScanError) {
        var depth = 0
        var node: Int16 = 0
        value: while true {
            guard let byte = cursor.nextByte() else {
                throw JSONScanError(depth == 0 ? .empty : .unexpectedEnd, at: cursor.count)
            }
            let start = cursor.place
            switch byte {
            case 0x22:
                let hasEscapes = try cursor.string()
                if node >= 0 { note(node, .string, start..<cursor.place, hasEscapes: hasEscapes) }
            case 0x2D, 0x30...0x39:
                try cursor.number()
                if node >= 0 { note(node, .number, start..<cursor.place) }
            case 0x7B, 0x5B:
                guard depth < maximumDepth else { throw JSONScanError(.tooDeep, at: start) }
                let isObject = byte == 0x7B
                frames[depth] = JSONFrame(node: node, isObject: isObject, start: start)
                depth &+= 1
                cursor.place &+= 1
                guard let first = cursor.nextByte() else { throw JSONScanError(.unexpectedEnd, at: cursor.count) }
                // `}` and `]` are `{` and `[` plus 2. An empty container is closed below.
                if first != byte &+ 2 {
                    node = isObject ? try name(&cursor, in: node) : -1
                    continue value
                }
            case 0x74:
                try cursor.literal("true")
                if node >= 0 { note(node, .bool, start..<cursor.place) }
            case 0x66:
                try cursor.literal("false")
                if node >= 0 { note(node, .bool, start..<cursor.place) }
            case 0x6E:
                try cursor.literal("null")
                if node >= 0 { note(node, .null, start..<cursor.place) }
            default: throw JSONScanError(.expectedValue, at: start)
            }
            // Behind a value: close what closes, until a comma announces the next value.
            while depth > 0 {
                guard let byte = cursor.nextByte() else { throw JSONScanError(.unexpectedEnd, at: cursor.count) }
                let frame = frames[depth &- 1]
                if byte == 0x2C {
                    cursor.place &+= 1
                    node = frame.isObject ? try name(&cursor, in: frame.node) : -1
                    continue value
                }
                guard byte == (frame.isObject ? 0x7D : 0x5D) else {
                    throw JSONScanError(.expectedCommaOrEnd, at: cursor.place)
                }
                cursor.place &+= 1
                depth &-= 1
                if frame.node >= 0 { close(frame, &cursor) }
            }
            guard cursor.nextByte() == nil else { throw JSONScanError(.trailingBytes, at: cursor.place) }
            return
        }
    }

    /// Reads a member's name and colon in the container of `parent`, and returns the node it is selected as, or -1.
    @inline(__always)
    private mutating func name(_ cursor: inout JSONCursor, in parent: Int16) throws(JSONScanError) -> Int16 {
        guard let byte = cursor.nextByte() else { throw JSONScanError(.unexpectedEnd, at: cursor.count) }
        let start = cursor.place
        guard byte == 0x22 else { throw JSONScanError(.expectedName, at: start) }
        let hasEscapes = try cursor.string()
        let node =
            parent >= 0 && nodes[Int(parent)].firstChild >= 0
            ? selected(cursor, start &+ 1..<cursor.place &- 1, hasEscapes, in: parent) : -1
        if node >= 0, found[Int(node)] != nil { throw JSONScanError(.duplicateMember, at: start) }
        guard let colon = cursor.nextByte() else { throw JSONScanError(.unexpectedEnd, at: cursor.count) }
        guard colon == 0x3A else { throw JSONScanError(.expectedColon, at: cursor.place) }
        cursor.place &+= 1
        return node
    }

    /// The node that selects the member named by the bytes at `range`, or -1.
    private func selected(_ cursor: JSONCursor, _ range: Range<Int>, _ hasEscapes: Bool, in parent: Int16) -> Int16 {
        let bytes = UnsafeBufferPointer(start: cursor.text + range.lowerBound, count: range.count)
        if hasEscapes {
            let decoded = JSONString.unescapedBytes(bytes)
            return decoded.withUnsafeBufferPointer { selected($0, in: parent) }
        }
        return selected(bytes, in: parent)
    }

    private func selected(_ name: UnsafeBufferPointer<UInt8>, in parent: Int16) -> Int16 {
        var node = nodes[Int(parent)].firstChild
        while node >= 0 {
            let candidate = nodes[Int(node)].name
            // Not elementsEqual, whose iterators take longer than the few bytes of a name.
            if candidate.count == name.count, candidate.indices.allSatisfy({ candidate[$0] == name[$0] }) {
                return node
            }
            node = nodes[Int(node)].nextSibling
        }
        return -1
    }

    private mutating func note(_ node: Int16, _ kind: JSONMember.Kind, _ range: Range<Int>, hasEscapes: Bool = false) {
        let isEmpty = kind == .string && range.count == 2
        found[Int(node)] = JSONMember(kind: kind, range: range, hasEscapes: hasEscapes, isEmpty: isEmpty)
    }

    private mutating func close(_ frame: JSONFrame, _ cursor: inout JSONCursor) {
        let range = frame.start..<cursor.place
        var inside = JSONCursor(cursor.text + (range.lowerBound + 1), range.count - 2)
        found[Int(frame.node)] = JSONMember(
            kind: frame.isObject ? .object : .array,
            range: range,
            hasEscapes: false,
            isEmpty: inside.nextByte() == nil
        )
    }
}
