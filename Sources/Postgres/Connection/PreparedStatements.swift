/// Which statements the server has prepared for one connection, at most `maximum`.
struct PreparedStatements {
    final class Entry {
        let name: String
        /// The name as C wants it, so that no call has to convert it.
        let cName: [CChar]
        let types: [PostgresType]
        /// Whether the server has acknowledged it.
        var isReady = false
        var lastUse: UInt64

        init(_ name: String, _ types: [PostgresType], _ lastUse: UInt64) {
            self.name = name
            cName = name.utf8.map { CChar(bitPattern: $0) } + [0]
            self.types = types
            self.lastUse = lastUse
        }
    }

    /// How to send a statement.
    enum Choice {
        case prepared(name: [CChar])
        /// Prepare it in front of its first use.
        ///
        /// `evicted` has to be deallocated first.
        case prepare(name: [CChar], evicted: (Statement, Entry)?)
        /// Send its text: its preparation is still on the way (and could fail), or its types are others this time.
        case unnamed
    }

    /// 0 turns preparing off.
    let maximum: Int
    private var entries: [Statement: Entry] = [:]
    private var uses: UInt64 = 0
    private var made: UInt64 = 0

    init(maximum: Int) { self.maximum = max(0, maximum) }

    var count: Int { entries.count }

    mutating func choose(_ statement: Statement, _ parameters: borrowing Parameters) -> Choice {
        guard maximum > 0 else { return .unnamed }
        uses += 1
        if let entry = entries[statement] {
            guard entry.isReady, parameters.haveTypes(entry.types) else { return .unnamed }
            entry.lastUse = uses
            return .prepared(name: entry.cName)
        }
        var evicted: (Statement, Entry)?
        if entries.count >= maximum {
            let oldest = entries.filter(\.value.isReady).min { $0.value.lastUse < $1.value.lastUse }
            guard let oldest else { return .unnamed }
            entries[oldest.key] = nil
            evicted = (oldest.key, oldest.value)
        }
        made += 1
        let entry = Entry("s\(made)", parameters.types, uses)
        entries[statement] = entry
        return .prepare(name: entry.cName, evicted: evicted)
    }

    /// The server answered a preparation.
    mutating func answered(_ statement: Statement, isReady: Bool) {
        if isReady { entries[statement]?.isReady = true } else { entries[statement] = nil }
    }

    /// The server did not deallocate `entry`: it is still there.
    mutating func kept(_ statement: Statement, _ entry: Entry) {
        if entries[statement] == nil { entries[statement] = entry }
    }
}
