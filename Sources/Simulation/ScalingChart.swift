import Fleet

/// A picture of a simulation: demand and workers above, the longest wait below, over time. SVG without scripts or fonts of
/// its own.
package struct ScalingChart {
    private static let width = 1000.0
    private static let left = 60.0
    private static let columns = 900
    private static let upper = (top: 50.0, height: 260.0)
    private static let lower = (top: 360.0, height: 120.0)

    private let report: FleetReport
    private let title: String
    private let objective: Double

    /// A chart of a report with a timeline.
    package init(_ report: FleetReport, title: String, objective: Double) {
        self.report = report
        self.title = title
        self.objective = objective
    }

    private struct Bin {
        var demand = 0
        var ready = 0
        var desired = 0
        var wait = 0.0
    }

    /// The picture as text.
    package var svg: String {
        let end = max(1, report.timeline.last?.time ?? 1)
        var bins = Array(repeating: Bin(), count: Self.columns)
        for point in report.timeline {
            let index = min(Self.columns - 1, Int(point.time / end * Double(Self.columns)))
            bins[index].demand = max(bins[index].demand, point.running + point.waiting)
            bins[index].ready = max(bins[index].ready, point.ready)
            bins[index].desired = max(bins[index].desired, point.desired)
            bins[index].wait = max(bins[index].wait, point.oldestWait)
        }
        // A look can be further apart than a column is wide.
        let most = Double(max(1, bins.map { max($0.ready, $0.desired) }.max() ?? 1)) * 1.5
        let longest = max(objective * 1.5, min(objective * 10, bins.map(\.wait).max() ?? 0))
        let demand = Self.line(bins.map { Double($0.demand) }, most, Self.upper)
        let ready = Self.line(bins.map { Double($0.ready) }, most, Self.upper)
        let desired = Self.line(bins.map { Double($0.desired) }, most, Self.upper)
        let wait = Self.line(bins.map(\.wait), longest, Self.lower)
        let limit = Self.lower.top + Self.lower.height * (1 - objective / longest)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) 520" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="\(Self.left)" y="24" font-size="15">\(Self.escaped(title))</text>
            <text x="\(Self.left)" y="42" fill="#888">jobs running and waiting</text>
            <text x="\(Self.left + 180)" y="42" fill="#1f6fb2">workers ready</text>
            <text x="\(Self.left + 300)" y="42" fill="#e08b1a">workers desired</text>
            <text x="\(Self.left)" y="\(Self.lower.top - 8)" fill="#b22222">longest wait in seconds; dashed: the objective</text>
            \(Self.axis(most, Self.upper))\(Self.axis(longest, Self.lower))
            <polyline points="\(demand)" fill="none" stroke="#bbb"/>
            <polyline points="\(desired)" fill="none" stroke="#e08b1a"/>
            <polyline points="\(ready)" fill="none" stroke="#1f6fb2" stroke-width="1.5"/>
            <polyline points="\(wait)" fill="none" stroke="#b22222"/>
            <line x1="\(Self.left)" x2="\(Self.left + Double(Self.columns))" y1="\(limit)" y2="\(limit)" stroke="#b22222" stroke-dasharray="4 4"/>
            <text x="\(Self.left)" y="504">0</text>
            <text x="\(Self.left + Double(Self.columns))" y="504" text-anchor="end">\(Self.time(end))</text>
            </svg>

            """
    }

    private static func line(_ values: [Double], _ most: Double, _ area: (top: Double, height: Double)) -> String {
        values.enumerated().map { index, value in
            let y = area.top + area.height * (1 - min(1, value / most))
            return "\(Int(left) + index),\((y * 10).rounded() / 10)"
        }.joined(separator: " ")
    }

    private static func axis(_ most: Double, _ area: (top: Double, height: Double)) -> String {
        let bottom = area.top + area.height
        return """
            <line x1="\(left)" x2="\(left)" y1="\(area.top)" y2="\(bottom)" stroke="#444"/>
            <line x1="\(left)" x2="\(left + Double(columns))" y1="\(bottom)" y2="\(bottom)" stroke="#444"/>
            <text x="\(left - 6)" y="\(area.top + 10)" text-anchor="end">\(Int(most.rounded()))</text>
            <text x="\(left - 6)" y="\(bottom)" text-anchor="end">0</text>
            """
    }

    private static func time(_ seconds: Double) -> String {
        seconds >= 2 * 86_400 ? "\(Int((seconds / 86_400).rounded())) days" : "\(Int((seconds / 60).rounded())) min"
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
    }
}
