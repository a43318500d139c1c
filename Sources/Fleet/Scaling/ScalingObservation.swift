/// What the owner of a deployment's workers saw at one look; about one look a second.
package struct ScalingObservation: Sendable, Hashable {
    /// Waiting jobs that came at about the same time.
    package struct Waiting: Sendable, Hashable {
        /// How long the oldest of them has waited.
        package var age: Duration
        /// How many they are.
        package var count: Int

        /// A group.
        package init(age: Duration, count: Int) {
            self.age = age
            self.count = count
        }
    }

    /// The most groups of waiting jobs one look has; those beyond go into the last.
    package static let groupLimit = 64
    /// The most run times that are looked at.
    package static let runTimeLimit = 1000
    /// The most arrivals that are looked at.
    package static let arrivalLimit = 10_000

    /// When, since an epoch the owner picks and keeps.
    package var time: Duration
    /// Jobs that came since the last look and may scale.
    package var arrivals = 0
    /// Jobs that wait and may scale, the oldest first.
    package var waiting: [Waiting] = []
    /// Jobs that wait and may not scale anything up.
    package var waitingBatch = 0
    /// Jobs that run: busy slots.
    package var running = 0
    /// Of these, jobs that may not scale anything up.
    package var runningBatch = 0
    /// Workers that take jobs.
    package var ready = 0
    /// Of these, workers that run at least one job.
    package var busyWorkers = 0
    /// The ages of the workers that are starting, the oldest first.
    package var starting: [Duration] = []
    /// How long the starts took that ended well since the last look.
    package var startsFinished: [Duration] = []
    /// How many starts failed since the last look.
    package var startsFailed = 0
    /// How long the jobs ran that ended since the last look.
    package var runTimes: [Duration] = []
    /// Jobs that may scale and started since the last look: in time, and too late for the objective.
    package var startedInTime = 0
    package var startedLate = 0
    /// What the operator's query returned; nil: none was asked, or it failed.
    package var query: Double?
    /// Whether everything above could be read. If not, the number of workers is held.
    package var isComplete = true

    /// A look at an idle deployment.
    package init(time: Duration) { self.time = time }
}
