import Domain
import Hummingbird

/// Which part of a list is asked for, by the parameters OpenAI's clients send: `limit`, `after`, `order`. Pure.
struct ListPage {
    let limit: Int
    /// The number of the last one of the page before.
    let after: Int64?
    let isAscending: Bool

    /// Reads the query of `request`.
    ///
    /// - Throws: `GatewayFailure` with status 400.
    init(_ request: Request, of kind: PublicID, upTo most: Int, otherwise usual: Int) throws(GatewayFailure) {
        let query = request.uri.queryParameters
        if let text = query["limit"] {
            guard let number = Int(text), 1...most ~= number else {
                throw .invalid("`limit` is 1 to \(most).", parameter: "limit")
            }
            limit = number
        } else {
            limit = usual
        }
        if let text = query["after"] {
            guard let number = kind.number(of: text) else {
                throw .invalid("`after` is the id of the last one of the page before.", parameter: "after")
            }
            after = number
        } else {
            after = nil
        }
        switch query["order"] {
        case nil, "desc": isAscending = false
        case "asc": isAscending = true
        default: throw .invalid("`order` is asc or desc.", parameter: "order")
        }
    }

    /// The page, of which `found` holds one more than asked for when there are more.
    func document<Item>(_ found: [Item], id: (Item) -> String, _ document: (Item) -> JSONOutput) -> JSONOutput {
        let page = found.prefix(limit)
        return [
            "object": "list", "data": .array(page.map(document)),
            "first_id": page.first.map { .string(id($0)) } ?? .null,
            "last_id": page.last.map { .string(id($0)) } ?? .null, "has_more": .bool(found.count > limit),
        ]
    }
}
