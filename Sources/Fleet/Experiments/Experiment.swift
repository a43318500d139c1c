/// An A/B split of a model: which unit gets which arm.
///
/// Sticky: the arm is a function of unit key, salt and arms alone. Another salt draws anew, so that experiments that
/// follow each other, or run on top of each other, do not share their accidents.
package struct Experiment: Sendable, Hashable {
    /// What is wrong with a declared experiment.
    package struct Problem: Error, Sendable, Hashable {
        /// One sentence that says what to do.
        package let message: String
    }

    /// Its name.
    package let name: String
    /// What sets its draw apart from others'.
    package let salt: String
    /// Its arms. The first that is no shadow is the control: what the others are compared with.
    package let arms: [Arm]

    /// An experiment, or everything that is wrong with it, at once.
    ///
    /// Arms that serve need together no more than 10,000 buckets; units in the buckets left over are not part of it.
    package init(name: String, salt: String, arms: [Arm]) throws(Problem) {
        var problems: [String] = []
        let serving = arms.filter { !$0.isShadow }
        if serving.isEmpty { problems.append("give it a control: an arm that is no shadow") }
        if arms.count < 2 { problems.append("give it at least two arms") }
        if Set(arms.map(\.name)).count < arms.count { problems.append("give each arm a name of its own") }
        if arms.contains(where: { $0.buckets == 0 }) { problems.append("give each arm a part of the traffic") }
        let buckets = serving.reduce(0) { $0 + $1.buckets }
        if buckets > BucketSet.bucketCount {
            problems.append("give its arms no more than 10000 buckets in all, not \(buckets)")
        }
        guard problems.isEmpty else {
            throw Problem(message: "experiment \(name): \(problems.joined(separator: "; "))")
        }
        self.name = name
        self.salt = salt
        self.arms = arms
    }

    /// What the others are compared with.
    package var control: Arm? { arms.first { !$0.isShadow } }

    /// The bucket of a unit, 0 to 9,999; in SQL
    /// `(hashtextextended(unit, hashtextextended(salt, 0)) & 9223372036854775807) % 10000`.
    package func bucket(of unit: String) -> Int {
        let hash = KeyHash.hash(unit, seed: KeyHash.hash(salt, seed: 0))
        return Int(hash & UInt64(Int64.max)) % BucketSet.bucketCount
    }

    /// The arm of a unit's bucket; nil when the unit is not part of the experiment.
    package func arm(ofBucket bucket: Int) -> Arm? {
        var end = 0
        for arm in arms where !arm.isShadow {
            end += arm.buckets
            if bucket < end { return arm }
        }
        return nil
    }

    /// The arm of a unit; nil when the unit is not part of the experiment.
    package func arm(of unit: String) -> Arm? { arm(ofBucket: bucket(of: unit)) }

    /// The shadows that get a copy of what this bucket's unit asks for. Each counts its buckets from the upper end, so
    /// that a small shadow of a small arm's traffic is not always the same.
    package func shadows(ofBucket bucket: Int) -> [Arm] {
        arms.filter { $0.isShadow && bucket >= BucketSet.bucketCount - $0.buckets }
    }
}
