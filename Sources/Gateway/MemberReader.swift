import Domain
import FoundationEssentials
import Postgres
import Queue

/// Reads the selected members of a JSON text and says what is wrong with them. Pure.
///
/// A member that is null counts as one that is not there. Names are those in the selection, as a client would write them.
struct MemberReader {
    let text: [UInt8]
    let scanner: JSONScanner

    /// Reads `text`, an object.
    ///
    /// - Parameters:
    ///   - what: what the text is to be, for the sentence that says it is not: `A job`.
    ///   - paths: the members to select; they are asked for by their index.
    /// - Throws: `GatewayFailure` with status 400.
    init(
        _ text: [UInt8], of what: String, selecting paths: [[String]], maximumDepth: Int
    ) throws(GatewayFailure) {
        var scanner = JSONScanner(selecting: paths, maximumDepth: maximumDepth)
        do throws(JSONScanError) { try scanner.scan(text.span) } catch {
            throw .invalid("\(what) is not JSON: \(error.description)")
        }
        guard scanner.root == .object else { throw .invalid("\(what) has to be a JSON object.") }
        guard scanner.escapedNUL == nil else { throw .invalid("The character \\u0000 has to go: it cannot be stored.") }
        self.text = text
        self.scanner = scanner
    }

    /// Where the member is; nil when it is not there.
    func member(_ index: Int) -> JSONMember? { scanner[index].flatMap { $0.kind == .null ? nil : $0 } }

    /// The member's own text, JSON.
    func raw(_ member: JSONMember) -> [UInt8] { Array(text[member.range]) }

    func string(_ index: Int, _ name: String) throws(GatewayFailure) -> String? {
        guard let member = member(index) else { return nil }
        guard member.kind == .string, !member.isEmpty else {
            throw .invalid("`\(name)` has to be a string that is not empty.", parameter: name)
        }
        do { return try JSONString.unescape(text.span.extracting(member.contents)) } catch {
            throw .invalid("`\(name)` has to be a string that is not empty.", parameter: name)
        }
    }

    func integer(_ index: Int, _ name: String, _ range: ClosedRange<Int>) throws(GatewayFailure) -> Int? {
        guard let member = member(index) else { return nil }
        guard member.kind == .number, let number = Int(String(decoding: text[member.range], as: UTF8.self)),
            range ~= number
        else {
            throw .invalid(
                "`\(name)` has to be a whole number, \(range.lowerBound) to \(range.upperBound).", parameter: name)
        }
        return number
    }

    func number(_ index: Int, _ name: String, _ range: ClosedRange<Double>) throws(GatewayFailure) -> Double? {
        guard let member = member(index) else { return nil }
        guard member.kind == .number, let number = Double(String(decoding: text[member.range], as: UTF8.self)),
            range ~= number
        else {
            throw .invalid(
                "`\(name)` has to be a number, \(Int(range.lowerBound)) to \(Int(range.upperBound)).",
                parameter: name)
        }
        return number
    }

    func flag(_ index: Int, _ name: String) throws(GatewayFailure) -> Bool {
        guard let member = member(index) else { return false }
        guard member.kind == .bool else { throw .invalid("`\(name)` has to be true or false.", parameter: name) }
        return text[member.range.lowerBound] == UInt8(ascii: "t")
    }

    func object(_ index: Int, _ name: String) throws(GatewayFailure) -> JSONMember? {
        guard let member = member(index) else { return nil }
        guard member.kind == .object else { throw .invalid("`\(name)` has to be an object.", parameter: name) }
        return member
    }

    func time(_ index: Int, _ name: String) throws(GatewayFailure) -> Timestamp? {
        guard let text = try string(index, name) else { return nil }
        do {
            return Timestamp(unixSeconds: try Date(text, strategy: .iso8601).timeIntervalSince1970)
        } catch {
            throw .invalid("`\(name)` has to be a time like 2026-05-01T12:00:00Z.", parameter: name)
        }
    }

    func webhook(_ index: Int, _ name: String, form: JobWebhook.Form) throws(GatewayFailure) -> JobWebhook? {
        guard let url = try string(index, name) else { return nil }
        guard url.utf8.count <= WebhookAddress.maximumBytes, WebhookAddress(url) != nil else {
            throw .invalid("`\(name)` has to be a URL like https://example.com/hook.", parameter: name)
        }
        return JobWebhook(url: url, form: form)
    }
}
