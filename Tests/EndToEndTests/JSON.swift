/// Any JSON, for looking into output.
enum JSON: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else {
            do { self = .bool(try container.decode(Bool.self)) } catch {
                do { self = .number(try container.decode(Double.self)) } catch {
                    do { self = .string(try container.decode(String.self)) } catch {
                        do { self = .array(try container.decode([JSON].self)) } catch {
                            self = .object(try container.decode([String: JSON].self))
                        }
                    }
                }
            }
        }
    }

    /// A member, or nil when there is none.
    subscript(key: String) -> JSON? { if case .object(let members) = self { members[key] } else { nil } }

    /// An element, or nil when there is none.
    subscript(index: Int) -> JSON? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }
}
