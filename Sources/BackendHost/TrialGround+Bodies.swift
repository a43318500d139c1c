internal import BackendABI
internal import Domain

extension TrialGround {
    func refusesBadBodies() async throws -> String {
        let instance = try start()
        let kinds = kinds(instance)
        let good = body(kinds[0])
        let bodies: [(String, [UInt8])] = [
            ("no body (NULL)", []), ("white space", [0x20, 0x0a]), ("garbage", Array("garbage".utf8)),
            ("half a body", Array(good.prefix(good.count / 2))), ("two bodies", good + good),
            ("bytes that are not UTF-8", Array("{\"model\":\"".utf8) + [0xff, 0xfe] + Array("\"}".utf8)),
            ("an array", Array("[]".utf8)), ("an empty object", Array("{}".utf8)), ("a NUL byte", [0]),
        ]
        for kind in kinds {
            for (name, body) in bodies {
                let outcome = await instance.execute(BackendCall(job: 1, attempt: 1, kind: kind, body: body))
                guard case .failed(class: .invalidRequest, _, _, _) = outcome else {
                    throw Complaint(.bodies, "\(name) as a \(kind.rawValue) request ended as \(outcome.short)")
                }
            }
        }
        try await expectAnswer(instance, after: "bad bodies")
        return "\(bodies.count) bad bodies for each kind"
    }

    /// A backend may refuse such a body or read it with replacements; what it may not do is hand the bytes on.
    func survivesBadUnicode() async throws -> String {
        let instance = try start()
        let sequences: [(String, [UInt8])] = [
            ("a byte that never occurs", [0xff]), ("an overlong NUL", [0xc0, 0x80]),
            ("a surrogate", [0xed, 0xa0, 0x80]), ("a cut sequence", [0xe2, 0x82]),
            ("a code past the last", [0xf4, 0x90, 0x80, 0x80]), ("a lone continuation", [0x80]),
        ]
        for kind in kinds(instance) {
            for (name, bytes) in sequences {
                // Put where the prompt's marker stands.
                let parts = body(kind, "@").split(separator: UInt8(ascii: "@"), maxSplits: 1)
                let bad = Array(parts[0]) + bytes + Array(parts[1])
                let call = BackendCall(
                    job: 1, attempt: 1, kind: kind, body: bad, isStreaming: kind != .embedding)
                let outcome = await instance.execute(call) { _ in }
                switch outcome {
                case .succeeded, .failed(class: .invalidRequest, _, _, _): break
                default: throw Complaint(.unicode, "\(name) in a \(kind.rawValue) request ended as \(outcome.short)")
                }
            }
        }
        let bad = instance.badChunks
        guard bad == 0 else { throw Complaint(.unicode, "\(bad) chunks were not JSON in UTF-8") }
        try await expectAnswer(instance, after: "bytes that are not UTF-8")
        return "\(sequences.count) bad sequences for each kind"
    }

    /// What becomes of such calls is the backend's business: a final that says the instance is lost is not, nor is silence.
    func survivesHugeBodies() async throws -> String {
        let instance = try start()
        let kind = kinds(instance)[0]
        let limit = Int(SLUICE_MAX_BODY_BYTES)
        let empty = body(kind, "")
        let long = body(kind, String(repeating: "a", count: limit - empty.count))
        let depth = 200_000
        let nested =
            [UInt8](repeating: UInt8(ascii: "["), count: depth) + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
        let unclosed = Array("{\"messages\":".utf8) + nested.prefix(depth)
        let deep = Array("{\"messages\":".utf8) + nested + Array(",\"prompt\":0,\"input\":0}".utf8)
        let wide =
            Array("{\"messages\":[".utf8) + Array(String(repeating: "{},", count: 300_000).utf8) + Array("{}]}".utf8)
        var seen: [String] = []
        for (name, body) in [
            ("64 MiB", long), ("200,000 deep", deep), ("unclosed", unclosed), ("300,000 messages", wide),
        ] {
            let outcome = await instance.execute(BackendCall(job: 1, attempt: 1, kind: kind, body: body))
            switch outcome {
            case .failed(class: .fatal, _, _, _), .cancelled, .abandoned:
                throw Complaint(.bodies, "a body of \(name) ended as \(outcome.short)")
            case .failed(let errorClass, _, _, _): seen.append("\(name): \(errorClass.rawValue)")
            case .succeeded: seen.append("\(name): answered")
            }
        }
        try await expectAnswer(instance, after: "huge bodies")
        return seen.joined(separator: ", ")
    }
}
