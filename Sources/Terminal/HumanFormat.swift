import Domain
/// Numbers as people read them.
///
/// Scripts get plain numbers from `JSONOutput` instead.
public enum HumanFormat {
    /// `value` with `digits` decimals: `fixed(1.25, 1)` is `1.3`.
    ///
    /// Exact below 10^15; `–` when it is not a number.
    public static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e15, 0...6 ~= digits else {
            return value.isInfinite ? (value < 0 ? "-∞" : "∞") : "–"
        }
        let scale = (0..<digits).reduce(Int64(1)) { scale, _ in scale * 10 }
        let scaled = Int64(abs(value) * Double(scale) + 0.5)
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard digits > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % scale)
        return sign + String(scaled / scale) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// A number in groups of three: `1,234,567`.
    public static func count(_ value: Int64) -> String {
        let digits = String(value.magnitude)
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// An amount of memory or of a file: `999 B`, `1.5 KiB`, `200 MiB`.
    public static func bytes(_ value: Int64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var amount = Double(value.magnitude)
        var unit = 0
        while unit < units.count - 1, amount >= (unit == 0 ? 1_024 : 1_023.5) {
            amount /= 1_024
            unit += 1
        }
        let text = unit == 0 ? String(value.magnitude) : fixed(amount, amount < 9.95 ? 1 : 0)
        return (value < 0 ? "-" : "") + text + " " + units[unit]
    }

    /// A length of time with two or three figures that matter: `0 s`, `850 µs`, `12.3 ms`, `1.25 s`, `2m 05s`, `1h 03m`,
    /// `3d 04h`.
    public static func duration(_ value: Duration) -> String {
        if value < .zero { return "-" + duration(.zero - value) }
        let seconds = Double(value.components.seconds) + Double(value.components.attoseconds) / 1e18
        switch seconds {
        case 0: return "0 s"
        case ..<0.0009995: return threeFigures(seconds * 1e6) + " µs"
        case ..<0.9995: return threeFigures(seconds * 1e3) + " ms"
        case ..<59.95: return (seconds < 9.995 ? fixed(seconds, 2) : fixed(seconds, 1)) + " s"
        default: return long(Int64(seconds.rounded()))
        }
    }

    /// How many of something happen in a second: `0.25/s`, `12.3/s`, `45,600/s`.
    public static func rate(_ perSecond: Double) -> String {
        guard perSecond.isFinite else { return "–" }
        switch abs(perSecond) {
        case ..<9.995: return fixed(perSecond, 2) + "/s"
        case ..<99.95: return fixed(perSecond, 1) + "/s"
        default: return (abs(perSecond) < 9e15 ? count(Int64(perSecond.rounded())) : "–") + "/s"
        }
    }

    /// A part of a whole: `12.5%`.
    ///
    /// `–` of nothing.
    public static func percent(_ part: Double, of whole: Double) -> String {
        whole > 0 ? fixed(part / whole * 100, 1) + "%" : "–"
    }

    private static func threeFigures(_ value: Double) -> String {
        fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
    }

    private static func long(_ seconds: Int64) -> String {
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        switch seconds {
        case ..<3_600: return "\(seconds / 60)m \(two(seconds % 60))s"
        case ..<86_400: return "\(seconds / 3_600)h \(two(seconds / 60 % 60))m"
        default: return "\(seconds / 86_400)d \(two(seconds / 3_600 % 24))h"
        }
    }
}
