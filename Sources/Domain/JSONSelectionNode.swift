/// One member a scanner looks for, as a node of a tree whose root is the whole text.
struct JSONSelectionNode: Sendable {
    /// The member's name, unescaped.
    let name: [UInt8]
    /// The first member looked for inside this one, or -1.
    var firstChild: Int16 = -1
    /// The next member looked for beside this one, or -1.
    var nextSibling: Int16 = -1

    /// The tree of `paths`: the i-th path ends at node i + 1; parents nobody selected come after them.
    static func tree(_ paths: [[String]]) -> [JSONSelectionNode] {
        var numbers: [[String]: Int] = [[]: 0]
        for (index, path) in paths.enumerated() {
            precondition(numbers[path] == nil, "A member is selected twice")
            numbers[path] = index + 1
        }
        var nodes = [JSONSelectionNode(name: [])] + paths.map { JSONSelectionNode(name: Array(($0.last ?? "").utf8)) }
        var orphans = paths
        while let path = orphans.popLast() {
            let parent = Array(path.dropLast())
            if numbers[parent] == nil {
                numbers[parent] = nodes.count
                nodes.append(JSONSelectionNode(name: Array((parent.last ?? "").utf8)))
                orphans.append(parent)
            }
            guard let number = numbers[path], let above = numbers[parent] else { continue }
            nodes[number].nextSibling = nodes[above].firstChild
            nodes[above].firstChild = Int16(number)
        }
        return nodes
    }
}
