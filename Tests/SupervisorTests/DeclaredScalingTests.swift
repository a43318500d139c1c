import Postgres
import Queue
import TestSupport
import Testing

@testable import Supervisor

/// SQL, where a rule is changed, and the controller, which obeys it, take the same schedules: one that only SQL takes would
/// leave the number of workers as it is.
@Suite(.timeLimit(.minutes(5))) struct DeclaredScalingTests {
    /// Patterns, and whether they are one.
    private static let patterns: [(String, Bool)] = [
        ("* * * * *", true), ("*/15 8-17 * * mon-fri", true), ("0,30 * 1-7,15 jan,jul sun", true),
        ("0 0 29 feb *", true), ("* * * * 0-7", true), ("5/10 * * * *", true), ("* * * * sun/2", true),
        ("* 8-18/2 * MAR Sat", true), ("*/60 * * * *", true), ("*,5 * * * *", true), (" 1\t2  3 4 5 ", true),
        ("* * * * 1-fri", true), ("05 08 * * *", true),
        // Over the end.
        ("* * * * sat-sun", true), ("* 22-6 * * *", true), ("50-10/5 * * * *", true), ("* * 28-3 * *", true),
        ("* * * nov-feb *", true), ("* * * * 7-0", true),
        ("", false), ("* * * *", false), ("* * * * * *", false), ("60 * * * *", false), ("* 24 * * *", false),
        ("* * 0 * *", false), ("* * 32 * *", false), ("* * * 0 *", false), ("* * * 13 *", false),
        ("* * * * 8", false), ("*/0 * * * *", false), ("*/00 * * * *", false), ("*/61 * * * *", false),
        ("1/2,70 * * * *", false), ("1,70/2 * * * *", false), ("1-70 * * * *", false), ("1,,2 * * * *", false),
        ("1- * * * *", false), ("-1 * * * *", false), ("*-5 * * * *", false), ("1/ * * * *", false),
        ("1/2/3 * * * *", false), ("+1 * * * *", false), ("*/+5 * * * *", false), ("001 * * * *", false),
        ("mon * * * *", false), ("* * * sun *", false), ("* * * * jan", false), ("* * * * monday", false),
        ("1\n* * * *", false), ("1\u{a0}2 * * * *", false),
    ]

    /// Bounds of a window in a rule of 3 to 8 workers, and whether there is a number between them.
    private static let windows: [(String, Bool)] = [
        (#""min_workers": 5"#, true), (#""min_workers": 9"#, true), (#""max_workers": 3"#, true),
        (#""min_workers": 0, "max_workers": 0"#, true), (#""min_workers": 0, "max_workers": 1000"#, true),
        (#""max_workers": 1"#, false), (#""max_workers": 2"#, false), (#""min_workers": 4, "max_workers": 3"#, false),
        (#""min_workers": 1001"#, false),
    ]

    @Test(.database) func `SQL takes the schedules that the controller obeys, and no others`() async throws {
        try await Stage.with(workers: 0) { stage in
            func put(_ rule: String) async throws -> String? {
                do throws(QueueError) {
                    _ = try await stage.queue.perform(.scaleBy("d", slots: nil, rule: Array(rule.utf8)), why: nil)
                    return nil
                } catch {
                    guard error.code == .invalidArgument else { throw error }
                    return error.message
                }
            }
            #expect(try await put(#"{"min_workers": 3, "max_workers": 8}"#) == nil)
            let cases =
                Self.patterns.map { ($0.0, "", $0.1) } + Self.windows.map { ("* * * * *", ", \($0.0)", $0.1) }
            for (pattern, bounds, isPossible) in cases {
                let escaped = pattern.replacing("\n", with: "\\n").replacing("\t", with: "\\t")
                let schedule = #"[{"minutes": "\#(escaped)"\#(bounds)}]"#
                let refusal = try await put(#"{"schedule": \#(schedule)}"#)
                #expect((refusal == nil) == isPossible, "SQL, \(schedule): \(refusal ?? "taken")")
                // Past the check, as an older version may have stored it.
                _ = try await stage.connection.query(
                    Statement("store_schedule", "update sluice.scaling set schedule = $1::text::jsonb"), schedule)
                let stored = try #require(try await stage.queue.scaledDeployments().first)
                #expect((problem(stored) == nil) == isPossible, "Swift, \(schedule): \(problem(stored) ?? "taken")")
            }
        }
    }

    private func problem(_ deployment: ScaledDeployment) -> String? {
        do {
            _ = try DeclaredScaling(deployment)
            return nil
        } catch {
            return error.description
        }
    }
}
