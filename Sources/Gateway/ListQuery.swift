import Hummingbird
import HummingbirdCore

/// What the query of a list asks for.
struct ListQuery {
    private let parameters: FlatDictionary<Substring, Substring>

    init(_ request: Request) { parameters = request.uri.queryParameters }

    /// A word of a closed vocabulary; nil when it is not there.
    ///
    /// - Throws: `GatewayFailure` with status 400, like all of these.
    func word<T: RawRepresentable<String> & CaseIterable>(_ name: String) throws(GatewayFailure) -> T? {
        guard let text = parameters[Substring(name)] else { return nil }
        guard let word = T(rawValue: String(text)) else {
            throw .invalid(
                "`\(name)` is one of \(T.allCases.map(\.rawValue).joined(separator: ", ")).", parameter: name)
        }
        return word
    }

    /// An id, such as that of the last element of the page before; nil when it is not there.
    func id(_ name: String) throws(GatewayFailure) -> Int64? {
        guard let text = parameters[Substring(name)] else { return nil }
        guard let id = Int64(text), id > 0 else { throw .invalid("`\(name)` is an id.", parameter: name) }
        return id
    }

    /// How many; 50 when nothing is said.
    func limit() throws(GatewayFailure) -> Int {
        guard let text = parameters["limit"] else { return 50 }
        guard let limit = Int(text), 1...1_000 ~= limit else {
            throw .invalid("`limit` is 1 to 1000.", parameter: "limit")
        }
        return limit
    }

    /// Text of the owner's own; nil when it is not there.
    func text(_ name: String) -> String? { parameters[Substring(name)].map(String.init) }
}
