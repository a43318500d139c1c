import Domain
import FoundationEssentials
import Postgres
import Queue

/// One job of a native submission: `{"model", "body", "kind", "priority", …}`. Pure.
struct JobSubmission {
    /// What is asked for, but for times, which are the database's to say.
    var request: JobRequest

    /// The members a submission may have; anything else is a mistake that must not pass in silence.
    static let members = [
        "model", "body", "kind", "priority", "run_at", "deadline", "idempotency_key", "affinity", "max_attempts",
        "metadata", "stream",
    ]

    private static let paths = members.map { [$0] } + [["body", "model"]]

    /// Reads one object of `text`.
    ///
    /// - Throws: `GatewayFailure` with status 400 that names the member.
    init(_ text: [UInt8], tenant: String, maximumDepth: Int) throws(GatewayFailure) {
        var scanner = JSONScanner(selecting: Self.paths, maximumDepth: maximumDepth)
        do throws(JSONScanError) { try scanner.scan(text.span) } catch {
            throw .invalid("A job is not JSON: \(error.description)")
        }
        guard scanner.root == .object else { throw .invalid("A job has to be a JSON object.") }
        guard scanner.escapedNUL == nil else { throw .invalid("The character \\u0000 has to go: it cannot be stored.") }
        let reader = Reader(text: text, scanner: scanner)
        guard let body = scanner[1], body.kind == .object else {
            throw .invalid("`body` has to be the request, an object as the OpenAI API takes it.", parameter: "body")
        }
        let named = try reader.string(Self.members.count, "body.model")
        guard let model = try reader.string(0, "model") ?? named else {
            throw .invalid("`model` says which model; without it `body.model` has to.", parameter: "model")
        }
        request = JobRequest(model: model, payload: Array(text[body.range]))
        request.tenant = tenant
        if let word = try reader.string(2, "kind") {
            guard let kind = JobKind(rawValue: word) else {
                throw .invalid(
                    "`kind` is one of \(JobKind.allCases.map(\.rawValue).joined(separator: ", ")).", parameter: "kind")
            }
            request.kind = kind
        }
        if let number = try reader.integer(3, "priority", 0...4) {
            request.priority = Priority(rawValue: Int16(number)) ?? .normal
        }
        request.runAt = try reader.time(4, "run_at")
        request.deadline = try reader.time(5, "deadline")
        request.idempotencyKey = try reader.string(6, "idempotency_key")
        request.affinity = try reader.string(7, "affinity")
        request.maximumAttempts = try reader.integer(8, "max_attempts", 1...100)
        if let metadata = scanner[9], metadata.kind != .null { request.metadata = Array(text[metadata.range]) }
        request.isStreaming = try reader.flag(10, "stream")
    }

    /// Reads members and says what is wrong with them.
    private struct Reader {
        let text: [UInt8]
        let scanner: JSONScanner

        private func member(_ index: Int) -> JSONMember? {
            scanner[index].flatMap { $0.kind == .null ? nil : $0 }
        }

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

        func flag(_ index: Int, _ name: String) throws(GatewayFailure) -> Bool {
            guard let member = member(index) else { return false }
            guard member.kind == .bool else { throw .invalid("`\(name)` has to be true or false.", parameter: name) }
            return text[member.range.lowerBound] == UInt8(ascii: "t")
        }

        func time(_ index: Int, _ name: String) throws(GatewayFailure) -> Timestamp? {
            guard let text = try string(index, name) else { return nil }
            do {
                return Timestamp(unixSeconds: try Date(text, strategy: .iso8601).timeIntervalSince1970)
            } catch {
                throw .invalid("`\(name)` has to be a time like 2026-05-01T12:00:00Z.", parameter: name)
            }
        }
    }
}
