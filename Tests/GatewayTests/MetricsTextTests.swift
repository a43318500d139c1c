@testable import Queue
import Testing

@testable import Gateway

@Suite struct MetricsTextTests {
    private let overview = [
        DeploymentOverview(
            model: "m", deployment: "a", backend: "mock", paused: false, workersWanted: 2, workersLive: 1, slots: 8,
            running: 3, ready: 7, scheduled: 1, suspects: 0, oldestReadySeconds: 1.5),
        DeploymentOverview(
            model: "m", deployment: "b\"\\\n", backend: "mock", paused: false, workersWanted: 1, workersLive: 1,
            slots: 8,
            running: 0, ready: 7, scheduled: 1, suspects: 0, oldestReadySeconds: 1.5),
        DeploymentOverview(
            model: "nobody", deployment: nil, backend: nil, paused: false, workersWanted: 0, workersLive: 0, slots: 0,
            running: 0, ready: 2, scheduled: 0, suspects: 0, oldestReadySeconds: nil),
    ]

    @Test func `a model is told once, a deployment each`() {
        let lines = MetricsText.render(overview, .init()).split(separator: "\n")
        #expect(
            lines.filter { $0.hasPrefix("sluice_jobs_ready{") } == [
                #"sluice_jobs_ready{model="m"} 7"#, #"sluice_jobs_ready{model="nobody"} 2"#,
            ])
        #expect(
            lines.filter { $0.hasPrefix("sluice_workers{") } == [
                #"sluice_workers{model="m",deployment="a"} 1"#, #"sluice_workers{model="m",deployment="b\"\\\n"} 1"#,
            ])
        #expect(lines.contains(#"sluice_oldest_ready_seconds{model="nobody"} 0.0"#))
    }

    @Test func `every series has its help and its type before it, once`() {
        var state = RequestCounters.State()
        state.responses = [200: 2, 503: 1]
        state.jobs = [#"kind="chat",state="failed""#: 1]
        var declared: Set<Substring> = []
        for line in MetricsText.render(overview, state).split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE") {
                #expect(declared.insert(words[2]).inserted, "\(words[2]) twice")
            } else if !line.hasPrefix("#") {
                let name = line.prefix { $0 != "{" && $0 != " " }
                let family =
                    ["_bucket", "_sum", "_count"].map { name.dropLast($0.count) }
                    .first { declared.contains($0) && name.dropFirst($0.count).first == "_" } ?? name
                #expect(declared.contains(family), "\(line)")
                #expect(Double(words.last ?? "") != nil, "\(line)")
            }
        }
    }

    @Test func `a histogram's buckets add up`() {
        var state = RequestCounters.State()
        for seconds in [0.001, 0.005, 0.2, 61] { state.queued.add(seconds) }
        let lines = MetricsText.render([], state).split(separator: "\n").filter {
            $0.hasPrefix("sluice_call_queue_seconds")
        }
        #expect(lines.first == #"sluice_call_queue_seconds_bucket{le="0.005"} 2"#)
        #expect(lines.contains(#"sluice_call_queue_seconds_bucket{le="60.0"} 3"#))
        #expect(lines.contains(#"sluice_call_queue_seconds_bucket{le="+Inf"} 4"#))
        #expect(lines.last == "sluice_call_queue_seconds_count 4")
    }
}
