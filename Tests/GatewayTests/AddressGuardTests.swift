import Testing

@testable import Gateway

struct AddressGuardTests {
    @Test(
        arguments: [
            "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "169.254.169.254",
            "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.8", "198.18.0.1", "198.19.255.255", "224.0.0.1",
            "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1",
            "fd00:ec2::254", "fc00::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001::1", "100::1", "fec0::1",
        ])
    func `an address that is not of the public internet is refused`(text: String) async throws {
        for address in try await HostAddress.resolve(text) { #expect(!AddressGuard.isPublic(address.bytes)) }
    }

    @Test(
        arguments: [
            "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1",
            "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
        ])
    func `an address of the public internet is let through`(text: String) async throws {
        for address in try await HostAddress.resolve(text) { #expect(AddressGuard.isPublic(address.bytes)) }
    }

    @Test(arguments: ["0x7f.1", "2130706433", "0177.0.0.1", "127.1", "localhost"])
    func `the machine itself is known however it is written`(text: String) async throws {
        for address in try await HostAddress.resolve(text) { #expect(!AddressGuard.isPublic(address.bytes)) }
    }

    @Test func `bytes that are no address are refused`() {
        #expect(!AddressGuard.isPublic([]) && !AddressGuard.isPublic([8, 8, 8]))
    }
}
