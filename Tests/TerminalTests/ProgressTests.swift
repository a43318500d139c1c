import Terminal
import Testing

@Suite struct ProgressTests {
    @Test func tellsRateAndRest() {
        var meter = ProgressMeter("Loading", total: 1_000)
        #expect(meter.rate == nil && meter.remaining == nil)
        #expect(meter.line() == "Loading  0.0%  0/1,000")
        for second in 1...4 { meter.advanced(to: Int64(second) * 100, failed: 2, after: .seconds(second)) }
        #expect(meter.rate == 100)
        #expect(meter.remaining == .seconds(6))
        #expect(meter.line() == "Loading  40.0%  400/1,000  2 failed  100/s  ETA 6.00 s")
        meter.advanced(to: 1_000, after: .seconds(10))
        #expect(meter.isComplete)
        #expect(meter.line() == "Loading  100.0%  1,000/1,000  100/s  in 10.0 s")
    }

    @Test func forgetsWhatIsLongAgo() {
        var meter = ProgressMeter("x", total: 100_000)
        for second in 1...20 { meter.advanced(to: Int64(second) * 1_000, after: .seconds(second)) }
        for second in 21...40 { meter.advanced(to: 20_000 + Int64(second - 20) * 10, after: .seconds(second)) }
        #expect(meter.rate == 10)
    }

    @Test func aStallShows() {
        var meter = ProgressMeter("x", total: 100)
        meter.advanced(to: 50, after: .seconds(1))
        for second in 2...30 { meter.advanced(to: 50, after: .seconds(second)) }
        #expect(meter.rate == nil && meter.remaining == nil)
    }

    @Test func doesNotCountWhatWasThereBefore() {
        var meter = ProgressMeter("x", total: 1_000)
        meter.resumed(at: 900)
        meter.advanced(to: 910, after: .seconds(1))
        #expect(meter.rate == 10)
        #expect(meter.remaining == .seconds(9))
    }

    @Test func manyUpdatesTakeNoMemory() {
        var meter = ProgressMeter("x")
        for step in 1...100_000 { meter.advanced(to: Int64(step), after: .microseconds(step * 100)) }
        #expect(meter.rate.map { abs($0 - 10_000) < 200 } == true)
        #expect(meter.line().hasPrefix("x  100,000  "))
    }

    @Test func theBarFitsTheLine() {
        var meter = ProgressMeter("Loading", total: 1_000)
        meter.advanced(to: 250, after: .seconds(1))
        for width in 1...120 { #expect(meter.line(width: width).columns <= width) }
        let line = meter.line(width: 120)
        #expect(line.count { $0 == "━" } == 10 && line.count { $0 == "─" } == 30)
        #expect(!meter.line(width: 120, showsBar: false).contains("━"))
    }

    @Test func bytesAreBytes() {
        var meter = ProgressMeter("Reading", total: 10 << 20, unit: .bytes)
        meter.advanced(to: 5 << 20, after: .seconds(2))
        #expect(meter.line() == "Reading  50.0%  5.0 MiB/10 MiB  2.5 MiB/s  ETA 2.00 s")
    }
}
