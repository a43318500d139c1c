import Testing

@testable import Gateway

struct NewsLogTests {
    @Test func `news is known to whoever looked before it, of its job alone`() {
        var log = NewsLog()
        log.came(of: 1)
        let mark = log.count
        #expect(!log.isThere(of: 1, since: mark))
        log.came(of: 2)
        #expect(log.isThere(of: 2, since: mark) && !log.isThere(of: 1, since: mark))
        log.cameOfAll()
        #expect(log.isThere(of: 1, since: mark) && !log.isThere(of: 1, since: log.count))
    }

    @Test func `no news is missed, however much there is`() {
        var log = NewsLog()
        log.came(of: 7)
        for job in 100..<40_000 {
            let mark = log.count
            log.came(of: Int64(job))
            #expect(log.isThere(of: Int64(job), since: mark))
            #expect(log.isThere(of: 7, since: 0))
        }
        #expect(!log.isThere(of: 7, since: log.count))
    }
}
