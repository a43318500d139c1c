/// Runs of consecutive failures in a sequence that is not kept. Two can be joined, the earlier first, so that outcomes
/// may arrive in batches and a run across their border still counts as one.
package struct FailureRun: Sendable, Hashable {
    /// How many outcomes.
    package internal(set) var count = 0
    /// The failures it begins with.
    package internal(set) var leading = 0
    /// The failures it ends with.
    package internal(set) var trailing = 0
    /// The longest run.
    package internal(set) var longest = 0

    /// No outcome.
    package init() {}

    /// Adds the next outcome.
    package mutating func record(isFailure: Bool) {
        var next = FailureRun()
        next.count = 1
        next.leading = isFailure ? 1 : 0
        next.trailing = next.leading
        next.longest = next.leading
        append(next)
    }

    /// Adds the outcomes that came after.
    package mutating func append(_ later: FailureRun) {
        longest = max(longest, later.longest, trailing + later.leading)
        leading = leading == count ? count + later.leading : leading
        trailing = later.trailing == later.count ? trailing + later.count : later.trailing
        count += later.count
    }
}
