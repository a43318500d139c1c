package import Fleet

/// The real autoscaler in virtual time, with a look a second.
package struct AutoscalerPolicy: ScalingPolicy {
    package var autoscaler: Autoscaler
    package let interval = 1.0
    package let name: String

    /// A rule; its slots must be the fleet's.
    package init(rule: ScalingRule, epoch: Int = 0, name: String = "sluice") {
        autoscaler = Autoscaler(rule: rule, epoch: epoch)
        self.name = name
    }

    package mutating func desired(_ look: borrowing FleetLook) -> Int {
        autoscaler.decide(look.observation).desired
    }
}

extension FleetLook {
    /// The look as a supervisor's controller would see it.
    var observation: ScalingObservation {
        borrowing get {
            var observation = ScalingObservation(time: .seconds(time))
            observation.arrivals = arrivals
            observation.running = running
            observation.ready = ready
            observation.busyWorkers = busyWorkers
            observation.startsFailed = startsFailed
            observation.startedInTime = startedInTime
            observation.startedLate = startedLate
            for began in starting { observation.starting.append(.seconds(time - began)) }
            for took in startsFinished { observation.startsFinished.append(.seconds(took)) }
            for took in runTimes { observation.runTimes.append(.seconds(took)) }
            if !waitingRange.isEmpty {
                let size = (waiting + ScalingObservation.groupLimit - 1) / ScalingObservation.groupLimit
                for first in stride(from: waitingRange.lowerBound, to: waitingRange.upperBound, by: size) {
                    observation.waiting.append(
                        .init(
                            age: .seconds(time - allArrivals[first]), count: min(size, waitingRange.upperBound - first))
                    )
                }
            }
            return observation
        }
    }
}
