import Fleet
import JSONText

/// Reads traces: CSV with a header line, or JSON lines, one job or one rate a line.
///
/// Columns (members) by name, in any case: the arrival as `arrival_s`, `arrival`, `time`, `t` (seconds) or `timestamp` (seconds, or
/// `2023-11-16 18:17:03.97`, UTC); the run time as `service_s`, `service`, `duration`, `run_time` (seconds), or tokens as
/// `prompt_tokens`, `contexttokens`, `input_tokens` and `output_tokens`, `generatedtokens`, `completion_tokens`. Rates as `t_s` or
/// `minute` with `rate_rps` (jobs a second) or `total_tokens_per_s`; each holds until the next line.
package struct TraceReader: Sendable {
    /// What the run time of a job with known tokens is made of, and what stands for what a trace does not say.
    package struct Assumptions: Sendable, Hashable {
        /// Seconds each job takes besides its tokens.
        package var overhead = 0.1
        /// Prompt tokens a second.
        package var promptRate = 5000.0
        /// Output tokens a second.
        package var outputRate = 40.0
        /// Run times where only rates are known.
        package var runTimes = Spread(mean: 8, sigma: 0.8)
        /// Rates are multiplied with this; nil: so that jobs run on four workers' slots in the mean.
        package var scale: Double?
        /// Tokens of a job where only tokens a second are known.
        package var tokensPerJob = 500.0
        /// The seed of the jobs drawn from rates.
        package var seed: UInt64 = 1

        /// The defaults.
        package init() {}
    }

    /// Why a text is no trace, in one sentence.
    package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Times, run times, rates and tokens are at most so much: some thirty thousand years of seconds.
    private static let largest = 1e12
    /// A trace is no longer than this many seconds: 400 days, which are replayed second by second.
    private static let longest = 400 * 86_400.0

    /// Rates further apart than this leave a gap without jobs, in seconds: minutes that are not there had none.
    private static let longestRate = 600.0

    private let assumptions: Assumptions

    /// A reader.
    package init(_ assumptions: Assumptions = Assumptions()) { self.assumptions = assumptions }

    /// Reads a trace.
    package func read(_ text: String, name: String) throws(Malformed) -> Trace {
        var lines = text.utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.makeIterator()
        guard let first = lines.next() else { throw Malformed(description: "\(name) is empty.") }
        var builder = Builder(name: name, assumptions)
        if first.first == UInt8(ascii: "{") {
            var line: Substring.UTF8View? = first
            var number = 0
            while let text = line {
                number += 1
                try builder.add(try Self.members(Array(text), number), line: number)
                line = lines.next()
            }
        } else {
            let columns = Self.fields(first).map { Substring($0).lowercased() }
            var number = 1
            while let line = lines.next() {
                number += 1
                var values: [String: Substring] = [:]
                for (column, field) in zip(columns, Self.fields(line)) { values[column] = field }
                try builder.add(values, line: number)
            }
        }
        return try builder.trace()
    }

    private static func fields(_ line: Substring.UTF8View) -> [Substring] {
        Substring(line).split(separator: ",", omittingEmptySubsequences: false).map { field in
            var field = field
            while let first = field.first, first == " " || first == "\"" { field.removeFirst() }
            while let last = field.last, last == " " || last == "\"" { field.removeLast() }
            return field
        }
    }

    private static func members(_ line: [UInt8], _ number: Int) throws(Malformed) -> [String: Substring] {
        guard case .object(let members) = JSONValue(parsing: line) else {
            throw Malformed(description: "Line \(number) is no JSON object.")
        }
        var values: [String: Substring] = [:]
        for member in members {
            switch member.value {
            case .number(let number): values[member.key.lowercased()] = Substring("\(number)")
            case .string(let text): values[member.key.lowercased()] = Substring(text)
            default: break
            }
        }
        return values
    }

    private struct Builder {
        let name: String
        let assumptions: Assumptions
        var jobs: [(arrival: Double, service: Double)] = []
        var rates: [(start: Double, rate: Double)] = []
        var isTokens = false
        private var earliest: Double?
        private var latest = -Double.infinity

        init(name: String, _ assumptions: Assumptions) {
            self.name = name
            self.assumptions = assumptions
        }

        mutating func add(_ values: [String: Substring], line: Int) throws(Malformed) {
            guard jobs.count < Trace.jobLimit, rates.count < Trace.jobLimit else {
                throw Malformed(description: "\(name) has more than \(Trace.jobLimit) lines.")
            }
            func number(_ names: [String]) throws(Malformed) -> Double? {
                for name in names {
                    guard let text = values[name], !text.isEmpty else { continue }
                    guard let value = Double(text), 0...TraceReader.largest ~= value else {
                        throw Malformed(description: "Line \(line): \"\(text)\" is no \(name).")
                    }
                    return value
                }
                return nil
            }
            /// A trace that goes on too long is refused at its first line beyond.
            func time(_ value: Double) throws(Malformed) -> Double {
                earliest = min(earliest ?? value, value)
                latest = max(latest, value)
                guard latest - (earliest ?? 0) <= TraceReader.longest else {
                    throw Malformed(
                        description: "Line \(line) is more than 400 days from another; a trace is no longer than that.")
                }
                return value
            }
            let jobRate = try number(["rate_rps", "rate"])
            let tokenRate = try number(["total_tokens_per_s", "tokens_per_s"])
            if let rate = jobRate ?? tokenRate {
                isTokens = jobRate == nil
                var start = try number(["t_s", "t", "time"])
                if start == nil, let minute = try number(["minute"]) { start = minute * 60 }
                guard let start else {
                    throw Malformed(description: "Line \(line) has a rate without t_s or minute.")
                }
                if let last = rates.last, start < last.start {
                    throw Malformed(description: "Line \(line): rates must be in the order of their times.")
                }
                rates.append((try time(start), rate))
                return
            }
            var arrival = try number(["arrival_s", "arrival", "time", "t", "t_s"])
            if arrival == nil, let text = values["timestamp"], !text.isEmpty {
                arrival = Double(text) ?? TraceReader.seconds(text)
                guard let arrival, (-TraceReader.largest)...TraceReader.largest ~= arrival else {
                    throw Malformed(description: "Line \(line): \"\(text)\" is no timestamp.")
                }
            }
            guard let arrival else {
                throw Malformed(
                    description:
                        "Line \(line) has no arrival; the columns are for instance arrival_s,service_s or timestamp,prompt_tokens,output_tokens."
                )
            }
            let at = try time(arrival)
            if let service = try number(["service_s", "service", "duration", "duration_s", "run_time"]) {
                try append(at, service, line: line)
                return
            }
            let prompt = try number(["prompt_tokens", "contexttokens", "input_tokens", "request tokens"])
            let output = try number(["output_tokens", "generatedtokens", "completion_tokens", "response tokens"])
            guard prompt != nil || output != nil else {
                throw Malformed(description: "Line \(line) has neither service_s nor tokens.")
            }
            let reading = (prompt ?? 0) / assumptions.promptRate
            let writing = (output ?? 0) / assumptions.outputRate
            try append(at, assumptions.overhead + reading + writing, line: line)
        }

        private mutating func append(_ arrival: Double, _ service: Double, line: Int) throws(Malformed) {
            guard service <= TraceReader.longest else {
                throw Malformed(description: "Line \(line): its job runs for more than 400 days.")
            }
            jobs.append((arrival, service))
        }

        consuming func trace() throws(Malformed) -> Trace {
            if rates.isEmpty {
                guard let first = jobs.map(\.arrival).min() else {
                    throw Malformed(description: "\(name) has no jobs.")
                }
                return Trace(
                    name: name, jobs: jobs.map { ($0.arrival - first, $0.service) },
                    epoch: Self.epoch(of: first))
            }
            return drawn()
        }

        /// What seems to be a time since 1970 is one.
        private static func epoch(of first: Double) -> Int { first > 1e8 && first < 1e11 ? Int(first) : 0 }

        private func drawn() -> Trace {
            let first = rates.first?.start ?? 0
            var spans: [(start: Double, length: Double, rate: Double)] = []
            for (index, rate) in rates.enumerated() {
                let length = index + 1 < rates.count ? rates[index + 1].start - rate.start : usualLength
                spans.append(
                    (
                        rate.start - first, min(length, usualLength),
                        rate.rate / (isTokens ? assumptions.tokensPerJob : 1)
                    ))
            }
            let jobs = spans.reduce(0) { $0 + $1.length * $1.rate }
            let length = max(1, (spans.last?.start ?? 0) + (spans.last?.length ?? 0))
            let mean = assumptions.runTimes.mean
            let scale = assumptions.scale ?? (jobs > 0 ? 4 * length / (jobs * mean) : 1)
            var numbers = SeededNumbers(seed: assumptions.seed)
            var drawn: [(arrival: Double, service: Double)] = []
            for span in spans where span.rate > 0 {
                var time = span.start
                while drawn.count < Trace.jobLimit {
                    time += numbers.exponential() / (span.rate * scale)
                    guard time < span.start + span.length else { break }
                    drawn.append((time, assumptions.runTimes.sample(&numbers)))
                }
            }
            return Trace(name: name, jobs: drawn, epoch: Self.epoch(of: first))
        }

        private var usualLength: Double {
            let steps = zip(rates.dropFirst(), rates).map { $0.start - $1.start }.sorted()
            return min(TraceReader.longestRate, steps.isEmpty ? 60 : steps[steps.count / 2])
        }
    }

    /// Seconds since 1970 of `2023-11-16 18:17:03.97` or `2023-11-16T18:17:03Z`, UTC.
    static func seconds(_ text: Substring) -> Double? {
        let parts = text.split { " TZ".contains($0) }
        guard parts.count == 2 else { return nil }
        let date = parts[0].split(separator: "-").compactMap { Int($0) }
        let time = parts[1].split(separator: ":")
        guard date.count == 3, time.count == 3, let hour = Int(time[0]), let minute = Int(time[1]),
            let second = Double(time[2]), 1...12 ~= date[1], 1...31 ~= date[2], 1900...3000 ~= date[0], 0...23 ~= hour,
            0...59 ~= minute, 0..<61 ~= second
        else { return nil }
        // Days from the civil date (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let year = date[0] - (date[1] <= 2 ? 1 : 0)
        let month = (date[1] + 9) % 12
        let era = year / 400
        let dayOfEra =
            (year - era * 400) * 365 + (year - era * 400) / 4 - (year - era * 400) / 100 + (153 * month + 2) / 5
        let days = era * 146_097 + dayOfEra + date[2] - 1 - 719_468
        return Double(days * 86_400 + hour * 3600 + minute * 60) + second
    }
}
