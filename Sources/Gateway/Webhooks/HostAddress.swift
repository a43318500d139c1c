import Glibc
import NIOPosix

/// An IP address a name stands for.
struct HostAddress: Sendable, Hashable {
    /// 4 or 16 bytes, network order.
    let bytes: [UInt8]
    /// As it is written.
    let text: String

    /// Every address of `host`, a name or an address, as the system resolves it.
    ///
    /// - Throws: `NotResolved`.
    static func resolve(_ host: String) async throws -> [HostAddress] {
        // getaddrinfo blocks, for seconds where a server of names is away.
        try await NIOThreadPool.singleton.runIfActive { try blockingResolve(host) }
    }

    /// A name that stands for nothing.
    struct NotResolved: Error {}

    private static func blockingResolve(_ host: String) throws -> [HostAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0, let first else { throw NotResolved() }
        defer { freeaddrinfo(first) }
        var found: [HostAddress] = []
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let entry = next {
            if let address = HostAddress(entry.pointee), !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        guard !found.isEmpty else { throw NotResolved() }
        return found
    }

    private init?(_ entry: addrinfo) {
        guard let address = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET:
            bytes = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin_addr) { Array($0) }
            }
        case AF_INET6:
            bytes = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin6_addr) { Array($0) }
            }
        default: return nil
        }
        var name = [CChar](repeating: 0, count: 64)
        guard
            getnameinfo(address, entry.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// An address that was resolved.
    init(bytes: [UInt8], text: String) {
        self.bytes = bytes
        self.text = text
    }
}
