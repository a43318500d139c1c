/// A condition did not come true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    let what: String
    let limit: Duration

    package var description: String { "\(what): not within \(limit)" }
}

/// Looks again and again, ever less often, until `condition` gives a value, and returns that.
///
/// Only for what announces itself in no other way: the state of another process, a file. What has an event is awaited.
///
/// - Parameters:
///   - what: The fact waited for, for the failure.
///   - limit: How long to look: long enough for a machine that is busy with ten other things. It costs a test that fails.
/// - Throws: `NeverHappened`; what `condition` throws.
@discardableResult
package func eventually<Value>(
    _ what: String,
    within limit: Duration = .seconds(120),
    _ condition: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    var pause = Duration.milliseconds(2)
    while true {
        if let value = try await condition() { return value }
        guard ContinuousClock.now < end else { throw NeverHappened(what: what, limit: limit) }
        // tidy: allow sleeping-test: this is the one place that may.
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(100))
    }
}

/// Looks again and again, ever less often, until `condition` holds.
///
/// - Throws: `NeverHappened`; what `condition` throws.
package func eventually(
    _ what: String,
    within limit: Duration = .seconds(120),
    _ condition: () async throws -> Bool
) async throws {
    try await eventually(what, within: limit) { () async throws -> Void? in try await condition() ? () : nil }
}
