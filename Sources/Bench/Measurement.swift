/// One line of a benchmark's report.
package struct Measurement: Sendable {
    /// The shape it belongs to.
    package var shape: String
    /// What was measured.
    package var what: String
    /// What came out, with its unit.
    package var result: String
    /// What it must reach; nil for a figure that is only told.
    package var target: String?
    /// Whether it reached it.
    package var isMet: Bool?
    /// The figures behind `result`, by name, for scripts.
    package var figures: [String: Double]

    package init(
        _ shape: String, _ what: String, _ result: String, target: String? = nil, isMet: Bool? = nil,
        figures: [String: Double]
    ) {
        self.shape = shape
        self.what = what
        self.result = result
        self.target = target
        self.isMet = isMet
        self.figures = figures
    }
}

/// A shape of load that is measured.
package protocol Shape: Sendable {
    /// Its name on the command line.
    static var name: String { get }
    /// One line for people.
    static var abstract: String { get }

    /// Measures it; every figure is compared with others of the same run.
    func measure(in laboratory: Laboratory) async throws -> [Measurement]
}
