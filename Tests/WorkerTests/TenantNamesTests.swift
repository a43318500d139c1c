import Testing

@testable import Worker

struct TenantNamesTests {
    @Test func `each tenant is asked for once`() {
        var names = TenantNames()
        #expect(names.unknown(among: [7, 3, 7]) == [3, 7])
        names.learned([7: "acme"])
        #expect(names.unknown(among: [7, 3]) == [3])
        #expect(names[7] == "acme" && names[3] == nil)
    }

    @Test func `no more are held than may be`() {
        var names = TenantNames()
        for id in 1...Int32(TenantNames.most) { names.learned([id: "t"]) }
        #expect(names[1] == "t")
        names.learned([0: "one too many"])
        #expect(names[1] == nil && names[0] == "one too many")
    }
}
