import Domain
import Testing

struct ReleaseTests {
    @Test func `releases are ordered by their numbers`() {
        let rising = ["0.1", "0.1.0", "0.1.9", "0.1.10", "0.2.0", "1", "10.0"].map { Release($0) }
        for (left, right) in zip(rising, rising.dropFirst()) {
            if let left, let right { #expect(left < right) } else { Issue.record("not read") }
        }
        #expect(Release("\(Release.current)") == Release.current)
    }

    @Test(arguments: ["", ".", "1.", "v1", "1.-2", "1.0-beta"])
    func `what is no release is none`(text: String) {
        #expect(Release(text) == nil)
    }
}
