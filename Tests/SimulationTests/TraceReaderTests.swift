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

    @Test(arguments: [
        "", "arrival_s,service_s\n", "a,b\n1,2\n", "arrival_s,service_s\nx,2\n", "arrival_s,service_s\n1,-2\n",
        "{\"arrival\": ",
        "arrival_s\n1\n", "rate_rps\n5\n", "t_s,rate_rps\n600,1\n0,1\n", "arrival_s,service_s\n1,inf\n",
    ])
    func theseAreNone(_ text: String) {
        #expect(throws: TraceReader.Malformed.self) { try reader.read(text, name: "t") }
    }
}
