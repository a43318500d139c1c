/// What a server writes about itself into `postmaster.pid` of its data folder.
struct PostmasterFile: Equatable {
    /// The process id of the postmaster.
    var processID: Int32
    /// Where it listens, nil while it has not opened its socket.
    var address: ServerAddress?
    /// Whether it accepts connections.
    var isReady: Bool

    /// Reads the file's text. Nil when it is not (yet) such a file: the server writes it line by line.
    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.trimmed }
        guard let first = lines.first, let processID = Int32(first), processID > 1 else { return nil }
        self.processID = processID
        if lines.count > 4, let port = Int(lines[3]), !lines[4].isEmpty {
            address = ServerAddress(socketDirectory: lines[4], port: port)
        }
        isReady = lines.count > 7 && lines[7] == "ready"
    }
}

extension Substring {
    fileprivate var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }
}
