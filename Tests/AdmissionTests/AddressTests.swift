import Admission
import Testing

struct AddressTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "8.8.8.8", true), ("10.0.0.0/9", "10.128.0.0", false),
        ("2001:db8::/32", "2001:db8::1", true), ("2001:db8::/32", "2001:db9::1", false),
        ("::1", "::1", true), ("10.0.0.0/8", "::ffff:10.0.0.1", true), ("10.0.0.0/8", "::1", false),
    ])
    func `a range holds what its bits say`(range: String, address: String, expected: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(NetworkAddress(address))) == expected)
    }

    @Test(arguments: [
        "", "10", "10.0.0", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/-1", "1:2", ":::", "1::2::3", "g::",
        "::/129", "1:2:3:4:5:6:7:8:9", "10.0.0.0.0", "+1.2.3.4", "10.0.0.0/",
    ])
    func `what is no range is refused`(text: String) { #expect(AddressRange(text) == nil) }

    @Test(arguments: [
        // The peer is not trusted: what it says means nothing.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"), ("127.0.0.1", nil, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"), ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, 10.0.0.7", "198.51.100.1"), ("127.0.0.1", "10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("127.0.0.1", "198.51.100.1, rubbish", "127.0.0.1"), ("127.0.0.1", "[2001:db8::1]:80", "2001:db8::1"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"), ("127.0.0.1", "", "127.0.0.1"),
    ])
    func `a client is the last one that no trusted proxy vouches for`(peer: String, header: String?, client: String) {
        let proxies = TrustedProxies(["127.0.0.0/8", "10.0.0.0/8"].compactMap(AddressRange.init))
        #expect(proxies.client(peer: peer, forwardedFor: header) == client)
    }
}
