/// Figures as people read them in one-line reasons.
enum Prose {
    /// The number with so many digits after the point, as few as say the same.
    static func number(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return "?" }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let whole = Int(scaled) / Int(scale)
        var fraction = String(Int(scaled) % Int(scale) + Int(scale)).dropFirst()
        while fraction.last == "0" { fraction.removeLast() }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        return sign + (fraction.isEmpty ? "\(whole)" : "\(whole).\(fraction)")
    }

    /// A part of one, as a percentage: "93.2%".
    static func percent(_ part: Double, digits: Int = 1) -> String { number(part * 100, digits: digits) + "%" }

    /// A time: "250 ms", "1.8 s", "90 s", "15 min".
    static func time(_ time: Duration) -> String {
        let seconds = time.seconds
        if seconds.magnitude < 1 { return number(seconds * 1000, digits: 0) + " ms" }
        if seconds.magnitude < 10 { return number(seconds, digits: 1) + " s" }
        if seconds.magnitude < 600 { return number(seconds, digits: 0) + " s" }
        return number(seconds / 60, digits: 0) + " min"
    }

    /// A count with its word: "1 failure", "3 failures".
    static func count(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
}
