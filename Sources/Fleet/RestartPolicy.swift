/// How soon a worker that ended is started again.
package struct RestartPolicy: Sendable, Hashable {
    /// Early ends of one worker within `window` that make a crash loop.
    package var limit = 5
    /// The time over which ends are counted, and how long a run makes its deployment healthy again.
    package var window = Duration.seconds(60)
    /// The pause before the second restart; it doubles. The first restart is immediate, so that a single mishap costs no
    /// time.
    package var minimumPause = Duration.milliseconds(200)
    /// The longest pause between two restarts outside a crash loop.
    package var maximumPause = Duration.seconds(30)
    /// How long the first crash loop is held; it doubles.
    package var minimumHold = Duration.seconds(60)
    /// The longest hold.
    package var maximumHold = Duration.seconds(600)

    /// The defaults.
    package init() {}
}
