internal import BackendABI
package import Domain

/// What a backend says about itself.
package struct BackendDescriptor: Sendable, Hashable, Codable {
    /// The backend's name: letters, digits, `.`, `_`, `-`.
    package var name: String
    /// The backend's own version.
    package var version: String
    /// The version of the ABI it was compiled with, such as `1.0`.
    package var abi: String
    /// Which kinds of request it answers: at least one.
    package var capabilities: Set<JobKind>
    /// Whether it can send chunks.
    package var canStream: Bool
    /// How many calls are worth having open at once, 1...65,535.
    package var maximumConcurrency: Int
    /// How many calls it likes to be given together, 1 or more.
    package var preferredBatch: Int

    private enum CodingKeys: String, CodingKey {
        case name, version, abi, capabilities
        case canStream = "streaming"
        case maximumConcurrency = "max_concurrency"
        case preferredBatch = "preferred_batch"
    }

    /// A descriptor of those parts; `Backend.load` reads them from a backend.
    package init(
        name: String,
        version: String,
        abi: String,
        capabilities: Set<JobKind>,
        canStream: Bool,
        maximumConcurrency: Int,
        preferredBatch: Int
    ) {
        self.name = name
        self.version = version
        self.abi = abi
        self.capabilities = capabilities
        self.canStream = canStream
        self.maximumConcurrency = maximumConcurrency
        self.preferredBatch = preferredBatch
    }

    /// The version of the ABI this host speaks.
    package static let hostABI = "\(SLUICE_ABI_MAJOR).\(SLUICE_ABI_MINOR)"

    /// Reads and checks a table whose ABI version and size have already been found good.
    init(reading table: UnsafePointer<sluice_backend>, path: String) throws(BackendError) {
        let table = unsafe table.pointee
        abi = unsafe "\(table.abi_major).\(table.abi_minor)"
        name = try unsafe Self.word(table.name, allowing: "._-", called: "name", path: path)
        version = try unsafe Self.word(table.version, allowing: "._-+", called: "version", path: path)
        let bits = unsafe table.capabilities
        capabilities = Set(JobKind.allCases.filter { bits & $0.capability != 0 })
        canStream = bits & SLUICE_CAN_STREAM != 0
        maximumConcurrency = unsafe Int(table.max_concurrency)
        preferredBatch = unsafe max(1, Int(table.preferred_batch))
        guard !capabilities.isEmpty else {
            throw BackendError(.badDescriptor, "the backend declares no kind of request", ["path": path])
        }
        guard 1...Int(SLUICE_MAX_SLOTS) ~= maximumConcurrency else {
            throw BackendError(
                .badDescriptor,
                "the backend's max_concurrency is not in 1...65535",
                ["max_concurrency": "\(maximumConcurrency)", "path": path]
            )
        }
        let functionsAreSet =
            unsafe table.create != nil && table.destroy != nil && table.execute != nil && table.cancel != nil
            && table.health != nil && table.stats != nil
        guard functionsAreSet else {
            throw BackendError(.badDescriptor, "the backend's table lacks a function", ["path": path])
        }
    }

    private static func word(
        _ text: UnsafePointer<CChar>?,
        allowing marks: String,
        called name: String,
        path: String
    ) throws(BackendError) -> String {
        var bytes: [UInt8] = []
        if let text = unsafe text {
            while bytes.count <= Int(SLUICE_MAX_NAME_BYTES),
                case let byte = unsafe UInt8(bitPattern: text[bytes.count]),
                byte != 0
            {
                bytes.append(byte)
            }
        }
        let isGood = bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            default: marks.utf8.contains(byte)
            }
        }
        guard isGood, 1...Int(SLUICE_MAX_NAME_BYTES) ~= bytes.count else {
            throw BackendError(
                .badDescriptor,
                "the backend's table has a bad text: 1 to 64 letters, digits and marks are allowed",
                ["field": name, "path": path]
            )
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension JobKind {
    /// The kind's number in the ABI.
    var abiNumber: UInt32 {
        switch self {
        case .chat: 0
        case .completion: 1
        case .embedding: 2
        case .response: 3
        }
    }

    /// The kind's bit in a backend's capabilities.
    var capability: UInt32 {
        switch self {
        case .chat: SLUICE_CAN_CHAT
        case .completion: SLUICE_CAN_COMPLETION
        case .embedding: SLUICE_CAN_EMBEDDING
        case .response: SLUICE_CAN_RESPONSE
        }
    }
}
