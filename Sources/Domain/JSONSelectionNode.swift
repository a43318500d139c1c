/// One member a scanner looks for, as a node of a tree whose root is the whole text.
struct JSONSelectionNode: Sendable {
    /// The member's name, unescaped.
    let name: [UInt8]
    /// The first member looked for inside this one, or -1.
    var firstChild: Int16 = -1
    /// The next member looked for beside this one, or -1.
    var nextSibling: Int16 = -1
}
