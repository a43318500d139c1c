/// Bounds that hold in the minutes a cron pattern matches, instead of the rule's own.
///
/// `0-59 8-17 * * mon-fri` is open from 8:00 to 18:00 UTC on working days. When several are open, the largest of their
/// minima and the largest of their maxima hold.
package struct ScheduleWindow: Sendable, Hashable {
    /// The minutes in which it is open.
    package var minutes: CronPattern
    /// The fewest workers in it; nil: the rule's.
    package var minWorkers: Int?
    /// The most workers in it; nil: the rule's.
    package var maxWorkers: Int?

    /// A window.
    package init(minutes: CronPattern, minWorkers: Int? = nil, maxWorkers: Int? = nil) {
        self.minutes = minutes
        self.minWorkers = minWorkers
        self.maxWorkers = maxWorkers
    }
}
