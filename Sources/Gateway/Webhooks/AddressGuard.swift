/// Which addresses a webhook may be sent to: those of the public internet. Pure.
///
/// After the special-purpose registries of IANA (RFC 6890 and its updates), so that nobody reaches the gateway's own
/// network, the machine itself, or a cloud's metadata service (169.254.169.254, fd00:ec2::254) by way of it.
enum AddressGuard {
    /// First address and prefix length.
    private static let forbiddenV4: [([UInt8], Int)] = [
        ([0, 0, 0, 0], 8), ([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12), ([192, 0, 0, 0], 24), ([192, 0, 2, 0], 24), ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16), ([198, 18, 0, 0], 15), ([198, 51, 100, 0], 24), ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4), ([240, 0, 0, 0], 4),
    ]
    /// Within 2000::/3, the only global unicast there is: protocol assignments (Teredo, ORCHID), documentation, and 6to4,
    /// which hides an IPv4 address.
    private static let forbiddenV6: [([UInt8], Int)] = [
        ([0x20, 0x01, 0x00, 0x00], 23), ([0x20, 0x01, 0x0D, 0xB8], 32), ([0x20, 0x02], 16), ([0x3F, 0xFF, 0x00], 20),
    ]
    private static let mappedV4: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    private static let translatedV4: [UInt8] = [0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]

    /// Whether an address of 4 or 16 bytes, network order, is of the public internet.
    static func isPublic(_ bytes: [UInt8]) -> Bool {
        switch bytes.count {
        case 4: return !forbiddenV4.contains { isIn(bytes, $0.0, $0.1) }
        case 16:
            // An IPv4 address in another's clothes is judged as what it is.
            if bytes.starts(with: mappedV4) || bytes.starts(with: translatedV4) { return isPublic(Array(bytes[12...])) }
            guard isIn(bytes, [0x20], 3) else { return false }
            return !forbiddenV6.contains { isIn(bytes, $0.0, $0.1) }
        default: return false
        }
    }

    private static func isIn(_ bytes: [UInt8], _ network: [UInt8], _ length: Int) -> Bool {
        for bit in 0..<length {
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            let expected = bit / 8 < network.count ? network[bit / 8] : 0
            if (bytes[bit / 8] ^ expected) & mask != 0 { return false }
        }
        return true
    }
}
