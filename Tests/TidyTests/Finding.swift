/// A place that breaks a rule, and what to do instead.
struct Finding: CustomStringConvertible, Hashable {
    let path: String
    let line: Int
    let what: String
    let instead: String

    var description: String { "\(path):\(line): \(what): \(instead)" }
}
