import Testing

@testable import OpenAIClient

@Suite struct KeyRingTests {
    @Test func aRefusedKeyIsLeftForTheNext() {
        var ring = KeyRing(count: 3)
        #expect(ring.next(after: []) == 0)
        ring.refused(0)
        ring.refused(0)
        #expect(ring.next(after: []) == 1 && ring.rotations == 1)
        #expect(ring.next(after: [1]) == 2 && ring.next(after: [1, 2]) == 0 && ring.next(after: [0, 1, 2]) == nil)
        ring.refused(1)
        ring.refused(2)
        #expect(ring.current == 0)
    }

    @Test func withoutKeysThereIsNone() {
        var ring = KeyRing(count: 0)
        ring.refused(0)
        #expect(ring.next(after: []) == nil && ring.rotations == 0)
    }
}
