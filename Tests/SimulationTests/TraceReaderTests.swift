import Simulation
import Testing

/// What traces may look like.
@Suite struct TraceReaderTests {
    private let reader = TraceReader()

    @Test(arguments: [
        "arrival_s,service_s\n10,2\n12.5,3\n", "Time, Duration\r\n12.5,3\r\n10,2\r\n",
        #"{"arrival": 10, "service": 2}"# + "\n" + #"{"service": 3, "arrival": 12.5, "model": "m"}"#,
        "timestamp,service\n2023-11-16 18:17:10,2\n2023-11-16T18:17:12.5Z,3\n",
    ])
    func theseAreTheSame(_ text: String) throws {
        let trace = try reader.read(text, name: "t")
        #expect(trace.arrivals == [0, 2.5])
        #expect(trace.services == [2, 3])
    }

    @Test func tokensBecomeTime() throws {
        let trace = try reader.read("timestamp,ContextTokens,GeneratedTokens\n5,1000,40\n", name: "t")
        #expect(trace.services == [0.1 + 0.2 + 1])
    }

    @Test func datesGiveTheTimeOfTheDay() throws {
        let trace = try reader.read("timestamp,service\n1970-01-01 00:00:10,2\n", name: "t")
        #expect(trace.epoch == 0)
        #expect(try reader.read("timestamp,service\n2023-11-16 18:17:03,2\n", name: "t").epoch == 1_700_158_623)
    }

    @Test func ratesAreDrawn() throws {
        var assumptions = TraceReader.Assumptions()
        assumptions.scale = 1
        let trace = try TraceReader(assumptions).read("t_s,rate_rps\n0,2\n600,0\n1200,4\n", name: "t")
        // 1,200 and 2,400 expected; none in between.
        #expect(abs(trace.arrivals.count - 3600) < 300)
        #expect(!trace.arrivals.contains { 600..<1200 ~= $0 })
        #expect(trace.arrivals.allSatisfy { $0 < 1800 })
    }

    @Test func `rates may begin at any time`() throws {
        var assumptions = TraceReader.Assumptions()
        assumptions.scale = 1
        let reader = TraceReader(assumptions)
        let trace = try reader.read("t_s,rate_rps\n0,2\n600,1\n", name: "t")
        let later = try reader.read("t_s,rate_rps\n1700158623,2\n1700159223,1\n", name: "t")
        #expect(later.epoch == 1_700_158_623 && trace.epoch == 0)
        #expect(later.arrivals == trace.arrivals && later.services == trace.services)
    }

    @Test(arguments: [
        ("timestamp,service_s\nnan,1\n", "Line 2: \"nan\" is no timestamp."),
        ("timestamp,service_s\n5,1\ninf,1\n", "Line 3: \"inf\" is no timestamp."),
        ("timestamp,service_s\n-1e300,1\n", "Line 2: \"-1e300\" is no timestamp."),
        ("timestamp,service_s\nyesterday,1\n", "Line 2: \"yesterday\" is no timestamp."),
        (
            "timestamp,service_s\n2023-11-16 9000000000000000000:17:03,1\n",
            "Line 2: \"2023-11-16 9000000000000000000:17:03\" is no timestamp."
        ),
        ("timestamp,service_s\n2023-11-16 24:00:00,1\n", "Line 2: \"2023-11-16 24:00:00\" is no timestamp."),
        ("timestamp,service_s\n2023-11-16 18:17:nan,1\n", "Line 2: \"2023-11-16 18:17:nan\" is no timestamp."),
        ("arrival_s,service_s\n1e300,1\n", "Line 2: \"1e300\" is no arrival_s."),
        (
            "arrival_s,service_s\n5,1\n1e9,1\n",
            "Line 3 is more than 400 days from another; a trace is no longer than that."
        ),
        (
            "t_s,rate_rps\n0,1\n1e9,1\n", "Line 3 is more than 400 days from another; a trace is no longer than that."
        ),
        ("arrival_s,service_s\n5,1e9\n", "Line 2: its job runs for more than 400 days."),
        ("arrival_s,output_tokens\n5,1e12\n", "Line 2: its job runs for more than 400 days."),
    ])
    func `times beyond all bounds have a sentence with their line`(_ text: String, _ sentence: String) {
        let error = #expect(throws: TraceReader.Malformed.self) { try reader.read(text, name: "t") }
        #expect(error?.description == sentence)
    }

    @Test(arguments: [
        "", "arrival_s,service_s\n", "a,b\n1,2\n", "arrival_s,service_s\nx,2\n", "arrival_s,service_s\n1,-2\n",
        "{\"arrival\": ",
        "arrival_s\n1\n", "rate_rps\n5\n", "t_s,rate_rps\n600,1\n0,1\n", "arrival_s,service_s\n1,inf\n",
    ])
    func theseAreNone(_ text: String) {
        #expect(throws: TraceReader.Malformed.self) { try reader.read(text, name: "t") }
    }
}
