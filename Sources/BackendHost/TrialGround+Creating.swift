internal import Domain

extension TrialGround {
    func startsAndIsWell() throws -> String {
        let instance = try start()
        let health = instance.health()
        guard health.state == .well else {
            throw Complaint(.health, "calls itself \(health.state.rawValue) with the configuration it was given")
        }
        return "\(instance.slots) slots"
    }

    func refusesBadConfiguration() throws -> String {
        let backend = try load()
        let configurations: [(name: String, bytes: [UInt8], rule: HeaderRule)] = [
            ("an unknown key", Array("{\"sluice_check_unknown_key\":1}".utf8), .unknownKeys),
            ("a text that is not JSON", Array("no json".utf8), .create),
            ("half an object", Array("{\"a\":".utf8), .create), ("an array", Array("[]".utf8), .create),
            ("bytes that are not UTF-8", Array("{\"".utf8) + [0xff, 0xfe] + Array("\":1}".utf8), .create),
            ("a NUL byte", [0], .create),
            ("a megabyte of spaces and no object", [UInt8](repeating: 0x20, count: 1 << 20), .create),
        ]
        for (name, bytes, rule) in configurations {
            do {
                _ = try backend.makeInstance(configuration: bytes, slots: 1)
            } catch {
                try expectSentence(error, for: name)
                continue
            }
            throw Complaint(rule, "took \(name) as its configuration")
        }
        _ = try start(backend)
        return "\(configurations.count) configurations refused, then one taken"
    }

    func takesEmptyConfiguration() throws -> String {
        let backend = try load()
        var seen: [String] = []
        for (name, bytes) in [("none", []), ("{}", Array("{}".utf8))] {
            do {
                let instance = try backend.makeInstance(configuration: bytes, slots: 1)
                instance.destroy()
                seen.append("\(name): taken")
            } catch {
                try expectSentence(error, for: "the configuration \(name)")
                seen.append("\(name): \(error.cause ?? "")")
            }
        }
        return seen.joined(separator: "; ")
    }

    /// A refusal of `create` names its reason, and the class of a bad configuration.
    private func expectSentence(_ error: BackendError, for what: String) throws {
        guard error.code == .createFailed, let cause = error.cause, cause != "it gave no reason" else {
            throw Complaint(.create, "gave no sentence for \(what)")
        }
        guard error.errorClass == .invalidRequest || error.errorClass == .auth else {
            let word = error.errorClass?.rawValue ?? "nothing"
            throw Complaint(.create, "called \(what) \(word) instead of invalid_request: \(cause)")
        }
    }
}
