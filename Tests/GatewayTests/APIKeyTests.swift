import Testing

@testable import Gateway

@Suite struct APIKeyTests {
    @Test func `keys differ, and are of letters that need no escaping`() {
        let keys = (0..<200).map { _ in APIKey.random().text }
        #expect(Set(keys).count == keys.count)
        for key in keys {
            #expect(key.hasPrefix("sk-") && key.utf8.count == 46)
            #expect(key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
        }
    }

    @Test func `the hash is SHA-256, the prefix shows six letters`() {
        // printf sk-abcdefghij | sha256sum
        let key = APIKey("sk-abcdefghij")
        #expect(key.sha256.prefix(8) == [0x95, 0x4f, 0x18, 0xc6, 0x87, 0x76, 0xb4, 0x6f])
        #expect(key.sha256.count == 32)
        #expect(key.prefix == "sk-abcdef")
    }
}
