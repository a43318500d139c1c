/// A range of addresses, like 10.0.0.0/8 or 2001:db8::/32. Pure.
package struct AddressRange: Sendable, Hashable {
    private let address: NetworkAddress
    private let bits: Int

    /// Reads an address, or an address with the number of bits that count; nil when it is neither.
    package init?(_ text: String) {
        let words = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = NetworkAddress(String(words[0])) else { return nil }
        self.address = address
        guard words.count == 2 else {
            bits = address.bytes.count * 8
            return
        }
        guard words[1].utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let bits = Int(words[1]),
            bits <= address.bytes.count * 8
        else { return nil }
        self.bits = bits
    }

    /// Whether `other` lies in it.
    package func contains(_ other: NetworkAddress) -> Bool {
        guard address.bytes.count == other.bytes.count else { return false }
        for index in address.bytes.indices {
            let count = min(8, max(0, bits - index * 8))
            guard count > 0 else { return true }
            let mask = ~UInt8(truncatingIfNeeded: 0xFF >> count)
            guard address.bytes[index] & mask == other.bytes[index] & mask else { return false }
        }
        return true
    }
}

/// An address of IPv4 (4 bytes) or IPv6 (16). Pure.
package struct NetworkAddress: Sendable, Hashable {
    /// In the network's order. An IPv4 address in IPv6's form is an IPv4 address.
    package let bytes: [UInt8]

    /// Reads 192.0.2.1 or 2001:db8::1; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count <= 45, let bytes = text.contains(":") ? Self.six(text) : Self.four(text) else {
            return nil
        }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        self.bytes = bytes.starts(with: mapped) ? Array(bytes.suffix(4)) : bytes
    }

    private static func four(_ text: some StringProtocol) -> [UInt8]? {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for word in words {
            guard 1...3 ~= word.utf8.count, word.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let byte = UInt8(word) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    private static func six(_ text: String) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return nil }
        var parts: [[UInt8]] = []
        for half in halves {
            guard let bytes = groups(half) else { return nil }
            parts.append(bytes)
        }
        guard parts.count == 2 else { return parts[0].count == 16 ? parts[0] : nil }
        let missing = 16 - parts[0].count - parts[1].count
        return missing >= 2 ? parts[0] + [UInt8](repeating: 0, count: missing) + parts[1] : nil
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, word) in words.enumerated() {
            if index == words.count - 1, word.contains("."), let last = four(word) {
                bytes += last
                continue
            }
            guard 1...4 ~= word.utf8.count, word.allSatisfy(\.isHexDigit), let group = UInt16(word, radix: 16) else {
                return nil
            }
            bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
        }
        return bytes.count <= 16 ? bytes : nil
    }
}
