/// The names of the tenants whose jobs came by, for the lines of their attempts.
///
/// Holds ``most`` at most: past them it begins anew. Asked only where attempts are logged.
struct TenantNames: Sendable {
    static let most = 10_000

    private var names: [Int32: String] = [:]

    /// The name of a tenant; nil: not known here.
    subscript(id: Int32) -> String? { names[id] }

    /// Those of `ids` that are not known here, each once.
    func unknown(among ids: some Sequence<Int32>) -> [Int32] {
        var found: Set<Int32> = []
        for id in ids where names[id] == nil { found.insert(id) }
        return found.sorted()
    }

    /// Takes in what the database said.
    mutating func learned(_ answers: [Int32: String]) {
        if names.count + answers.count > Self.most { names = [:] }
        names.merge(answers) { _, new in new }
    }
}
