import Fleet
import Testing

struct ExperimentTests {
    private func experiment(_ arms: [Arm], salt: String = "s") throws -> Experiment {
        try Experiment(name: "e", salt: salt, arms: arms)
    }

    /// `select hashtextextended(text, seed)` on PostgreSQL 15.
    @Test(arguments: [
        ("", 0, -6_939_563_903_564_495_251), ("a", 0, 3_591_986_179_850_072_241),
        ("user-42", 0, 2_340_617_724_542_842_103), ("exactly12byt", 0, -1_607_044_592_329_689_743),
        ("thirteen byte", 0, -1_147_533_121_609_491_268), ("größer als zwölf Bytes, 한국어", 0, 885_055_272_618_050_890),
        ("", 1, -150_071_773_020_461_347), ("a", -7, -1_390_133_477_695_463_801),
        ("exactly12byt", -7, -4_425_267_654_432_945_438),
        ("thirteen byte", 1_234_567_890_123_456_789, -2_171_855_136_530_014_154),
        ("größer als zwölf Bytes, 한국어", 1_234_567_890_123_456_789, -332_599_281_232_864_616),
        (
            "xyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyz", 1_234_567_890_123_456_789,
            -5_561_110_236_483_609_165
        ),
    ])
    func `the hash is PostgreSQL's`(text: String, seed: Int, expected: Int) {
        #expect(Int(bitPattern: UInt(KeyHash.hash(text, seed: UInt64(bitPattern: Int64(seed))))) == expected)
    }

    @Test func `a unit's bucket is the one SQL computes`() throws {
        let experiment = try experiment([Arm("a", buckets: 5_000), Arm("b", buckets: 5_000)], salt: "salt")
        #expect(experiment.bucket(of: "user-42") == 6_023)
        #expect(experiment.arm(of: "user-42")?.name == "b")
    }

    @Test func `arms get what was declared, each unit always the same one, each salt another draw`() throws {
        let arms = [Arm("a", buckets: 6_000), Arm("b", buckets: 3_000), Arm("x", buckets: 1_000, isShadow: true)]
        let first = try experiment(arms, salt: "first")
        let second = try experiment(arms, salt: "second")
        var counts: [String: Int] = [:]
        var (both, shadowed) = (0, 0)
        for unit in 0..<40_000 {
            let arm = first.arm(of: "unit \(unit)")
            counts[arm?.name ?? "none", default: 0] += 1
            if arm?.name == "b", second.arm(of: "unit \(unit)")?.name == "b" { both += 1 }
            if first.shadows(ofBucket: first.bucket(of: "unit \(unit)")).map(\.name) == ["x"] { shadowed += 1 }
        }
        let expected = [("a", 24_000), ("b", 12_000), ("none", 4_000)]
        for (name, count) in expected { #expect(((counts[name] ?? 0) - count).magnitude < 500) }
        // Independent draws: three tenths of three tenths.
        #expect((both - 3_600).magnitude < 300 && (shadowed - 4_000).magnitude < 300)
        #expect(first.control?.name == "a")
    }

    @Test func `everything that is wrong is said at once`() {
        let problem = #expect(throws: Experiment.Problem.self) {
            try experiment([Arm("a", buckets: 9_000), Arm("a", buckets: 2_000), Arm("c", buckets: 0)])
        }
        #expect(
            problem?.message
                == "experiment e: give each arm a name of its own; give each arm a part of the traffic; "
                + "give its arms no more than 10000 buckets in all, not 11000")
        #expect(throws: Experiment.Problem.self) { try experiment([]) }
        #expect(throws: Experiment.Problem.self) { try experiment([Arm("a", buckets: 5, isShadow: true)]) }
    }

    @Test func `sizes that do not fit the split are seen, chance is not`() {
        #expect(SampleRatio.probability([(5_000, 1), (5_000, 1)]) == 1)
        #expect(SampleRatio.probability([(5_300, 1), (4_700, 1)]) < 1e-8)
        // 4.0 of one degree of freedom.
        #expect((SampleRatio.probability([(5_100, 1), (4_900, 1)]) - 0.0455).magnitude < 0.0001)
        #expect(SampleRatio.probability([(9, 1), (0, 1)]) == 1 && SampleRatio.probability([(500, 1)]) == 1)
        var alarms = 0
        for seed in 0..<2_000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var sizes = [0, 0, 0]
            for _ in 0..<1_000 {
                let dice = Int.random(in: 0..<10, using: &generator)
                sizes[dice < 6 ? 0 : dice < 9 ? 1 : 2] += 1
            }
            if SampleRatio.probability([(sizes[0], 6), (sizes[1], 3), (sizes[2], 1)]) < 0.05 { alarms += 1 }
        }
        #expect((70...130).contains(alarms))
    }
}
