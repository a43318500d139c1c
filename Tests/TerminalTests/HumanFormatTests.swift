import Terminal
import Testing

@Suite struct HumanFormatTests {
    @Test(arguments: [
        (0.0, 0, "0"), (1.25, 1, "1.3"), (1.24, 1, "1.2"), (-0.04, 1, "0.0"), (-1.5, 2, "-1.50"), (0.005, 3, "0.005"),
        (99.999, 2, "100.00"),
        (.nan, 1, "–"), (.infinity, 1, "∞"), (-.infinity, 1, "-∞"), (1e300, 1, "–"),
    ])
    func fixesDecimals(value: Double, digits: Int, text: String) {
        #expect(HumanFormat.fixed(value, digits) == text)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (-12_345, "-12,345"),
        (Int64.min, "-9,223,372,036,854,775,808"),
    ])
    func groupsCounts(value: Int64, text: String) {
        #expect(HumanFormat.count(value) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_536, "1.5 KiB"), (10_240, "10 KiB"),
        (1_048_575, "1.0 MiB"), (209_715_200, "200 MiB"),
        (-2_048, "-2.0 KiB"), (Int64.max, "8192 PiB"),
    ])
    func scalesBytes(value: Int64, text: String) {
        #expect(HumanFormat.bytes(value) == text)
    }

    @Test(arguments: [
        (Duration.zero, "0 s"), (.nanoseconds(1_500), "1.50 µs"), (.microseconds(850), "850 µs"),
        (.microseconds(12_345), "12.3 ms"),
        (.milliseconds(999), "999 ms"), (.microseconds(999_600), "1.00 s"), (.milliseconds(1_250), "1.25 s"),
        (.milliseconds(59_940), "59.9 s"),
        (.milliseconds(59_960), "1m 00s"), (.seconds(125), "2m 05s"), (.seconds(3_780), "1h 03m"),
        (.seconds(273_600), "3d 04h"),
        (.seconds(-2), "-2.00 s"),
    ])
    func measuresDurations(value: Duration, text: String) {
        #expect(HumanFormat.duration(value) == text)
    }

    @Test func measuresRatesAndShares() {
        #expect(
            [0, 0.25, 12.34, 99.96, 45_600.4].map(HumanFormat.rate) == [
                "0.00/s", "0.25/s", "12.3/s", "100/s", "45,600/s",
            ])
        #expect(HumanFormat.rate(.nan) == "–")
        #expect(HumanFormat.percent(1, of: 8) == "12.5%")
        #expect(HumanFormat.percent(1, of: 0) == "–")
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"), (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_777_638_896_123_456, "2026-05-01T12:34:56.123456Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ])
    func writesTimes(microseconds: Int64, text: String) {
        #expect(UTCTime(unixMicroseconds: microseconds).rfc3339 == text)
    }

    @Test func writesTimesForPeople() {
        #expect(UTCTime(unixMicroseconds: 1_777_638_896_999_999).short == "2026-05-01 12:34:56Z")
        #expect(UTCTime(unixMicroseconds: .min).rfc3339.hasPrefix("-2"))
    }
}
