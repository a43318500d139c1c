/// Checks that bytes are one JSON value (RFC 8259) and says where chosen members are, in one pass that decodes nothing.
///
/// Strict: only what the grammar allows, valid UTF-8, no byte order mark, nothing but white space around the value.
/// Where the RFC leaves a choice: half a surrogate pair (`"\ud800"`) is refused, because it stands for no character and
/// PostgreSQL refuses it in `jsonb`; numbers of any size are accepted; containers may nest `maximumDepth` deep;
/// a name may appear twice in an object unless it is one of the selected ones.
///
/// A scanner may be used again and again and then allocates nothing: for an invalid text an error is thrown, for a
/// valid one `self[i]` is the i-th selected member until the next scan. Not one allocation depends on the text's size,
/// except that a member name written with escape sequences is decoded when it could be a selected one.
public struct JSONScanner: Sendable {
    /// How deep containers may nest when nothing is said.
    public static let defaultMaximumDepth = 128

    /// How deep containers may nest.
    public let maximumDepth: Int
    /// What sort of value the whole text is; nil before the first scan and after a failed one.
    public private(set) var root: JSONMember.Kind?
    /// Where the first escaped NUL (`\u0000`) is.
    ///
    /// It is valid JSON, but PostgreSQL's `text` and `jsonb` cannot hold it.
    public private(set) var escapedNUL: Int?

    /// The selection as a tree: node 0 is the whole text, node i + 1 the i-th selected path.
    var nodes: [JSONSelectionNode]
    /// What was found for each node.
    var found: [JSONMember?]
    /// The containers that are open.
    var frames: [JSONFrame]

    /// A scanner that selects the members at `paths`, as `JSONSelection` has them.
    public init(selecting paths: [[String]] = [], maximumDepth: Int = Self.defaultMaximumDepth) {
        self.init(selecting: JSONSelection(paths), maximumDepth: maximumDepth)
    }

    /// A scanner that selects what somebody has prepared.
    public init(selecting selection: JSONSelection, maximumDepth: Int = Self.defaultMaximumDepth) {
        precondition(1...1_000_000 ~= maximumDepth, "The depth is 1 to 1,000,000")
        self.maximumDepth = maximumDepth
        nodes = selection.nodes
        found = Array(repeating: nil, count: nodes.count)
        frames = Array(repeating: JSONFrame(node: -1, isObject: false), count: maximumDepth)
    }

    /// The i-th selected member; nil when the text does not have it.
    public subscript(index: Int) -> JSONMember? { found[index + 1] }

    /// Checks the whole of `bytes` and finds the selected members.
    public mutating func scan(_ bytes: Span<UInt8>) throws(JSONScanError) {
        try bytes.withUnsafeBufferPointer { (text) throws(JSONScanError) in try scan(text) }
    }

    /// Checks the whole of `text`, as `scan(_: Span)` does, for callers that hold a pointer.
    public mutating func scan(_ text: UnsafeBufferPointer<UInt8>) throws(JSONScanError) {
        root = nil
        escapedNUL = nil
        for node in found.indices { found[node] = nil }
        guard let start = text.baseAddress else { throw JSONScanError(.empty, at: 0) }
        var cursor = JSONCursor(start, text.count)
        try walk(&cursor)
        root = found[0]?.kind
        escapedNUL = cursor.escapedNUL
    }
}

/// An open container: which selected node it is the value of (-1: none), and what closes it.
struct JSONFrame: Sendable {
    var node: Int16
    var isObject: Bool
    var start = 0
}
