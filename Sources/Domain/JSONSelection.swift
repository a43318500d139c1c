/// The members a scanner looks for, prepared once for many scanners.
public struct JSONSelection: Sendable {
    let nodes: [JSONSelectionNode]

    /// The members at `paths`: `["body", "model"]` is the member `model` of the object that is the member `body` of the text.
    ///
    /// Members of objects inside arrays cannot be selected. At most 1,000 paths, none of them twice.
    public init(_ paths: [[String]]) {
        precondition(paths.count <= 1_000 && paths.allSatisfy { !$0.isEmpty }, "A selection is up to 1,000 paths")
        nodes = Self.tree(paths)
    }

    /// The tree of `paths`: the i-th path ends at node i + 1; parents nobody selected come after them.
    private static func tree(_ paths: [[String]]) -> [JSONSelectionNode] {
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
