internal import BackendKit
internal import JSONText

extension OpenAIConfiguration {
    /// Reads a configuration, a JSON object with at least `base_url`.
    ///
    /// - Throws: `invalidRequest` with one sentence that names the key of the first mistake. No sentence repeats a value
    /// that may be a secret.
    init(parsing bytes: [UInt8]) throws(BackendFailure) {
        guard let object = JSONObjectEdit(bytes) else {
            throw BackendFailure(
                .invalidRequest, "the openai backend's configuration is not a JSON object; it needs 'base_url' at least"
            )
        }
        for member in object.members {
            try set(ConfigurationValue(key: member.key, json: Array(object.text[member.value])))
        }
        guard !baseURL.isEmpty else {
            throw BackendFailure(
                .invalidRequest,
                "the openai backend needs the key 'base_url', such as \"https://api.openai.com/v1\"")
        }
        if proxyAuthorization != nil, proxy == nil {
            throw BackendFailure(
                .invalidRequest, "the openai backend's 'proxy_authorization' is of no use without 'proxy'")
        }
    }

    private mutating func set(_ value: ConfigurationValue) throws(BackendFailure) {
        switch value.key {
        case "base_url": baseURL = try value.baseURL()
        case "paths": try setPaths(value)
        case "api_key": keys = try value.references(atMost: 16)
        case "api_key_header": keyHeader = try value.headerName()
        case "headers": headers = try value.members().map { member throws(BackendFailure) in try member.header() }
        case "organization": organization = try value.headerText()
        case "project": project = try value.headerText()
        case "proxy": proxy = try value.proxy()
        case "proxy_authorization": proxyAuthorization = try value.reference()
        case "trusted_ca":
            trustedCA = try value.text()
            guard trustedCA?.hasPrefix("/") == true else { throw value.mistake("must be an absolute path") }
        case "http2": isHTTP2Allowed = try value.flag()
        case "connections": connections = try value.integer(in: 1...65_535)
        case "connect_timeout_ms": times.connect = try value.milliseconds()
        case "first_byte_timeout_ms": times.firstByte = try value.milliseconds()
        case "idle_timeout_ms": times.idle = try value.milliseconds()
        case "timeout_ms": times.whole = try value.milliseconds()
        case "max_response_bytes": maximumAnswerBytes = try value.integer(in: 1_024...(64 << 20))
        case "max_event_bytes": maximumEventBytes = try value.integer(in: 1_024...(64 << 20))
        case "model": model = try value.text()
        case "models":
            for member in try value.members() { models[member.name] = try member.text() }
        case "defaults": defaults = try members(value)
        case "force": forced = try members(value)
        case "clamp": clamps = try value.members().map { member throws(BackendFailure) in try member.clamp() }
        case "include_usage": includesUsage = try value.flag()
        default:
            throw BackendFailure(
                .invalidRequest,
                "the openai backend does not know the key '\(value.key)'; it knows \(Self.keys.joined(separator: ", "))"
            )
        }
    }

    private mutating func setPaths(_ value: ConfigurationValue) throws(BackendFailure) {
        for member in try value.members() {
            guard let kind = ServiceDescriptor.Kind(word: member.name) else {
                throw value.mistake("has no '\(member.name)'; it has chat, completion, embedding, response")
            }
            let path = try member.text()
            guard path.hasPrefix("/"), path.utf8.allSatisfy({ 0x21...0x7e ~= $0 }), !path.contains("#") else {
                throw member.mistake("must be a path that begins with '/'")
            }
            paths[kind] = path
        }
    }

    private func members(_ value: ConfigurationValue) throws(BackendFailure) -> [Member] {
        try value.members().map { member throws(BackendFailure) in
            guard member.name != "stream" else {
                throw value.mistake("cannot hold 'stream': whether a call streams is the caller's choice")
            }
            return Member(key: member.name, value: member.json)
        }
    }
}

extension ServiceDescriptor.Kind {
    /// The kind of that name in configurations.
    init?(word: String) {
        switch word {
        case "chat": self = .chat
        case "completion": self = .completion
        case "embedding": self = .embedding
        case "response": self = .response
        default: return nil
        }
    }
}
