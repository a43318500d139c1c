/// How long a batch may take: `24h`, or any other number of seconds, minutes, hours or days, up to thirty days. Pure.
struct CompletionWindow {
    let text: String
    let seconds: Int32

    private static let longest: Int32 = 2_592_000
    private static let units: [Character: Int32] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]

    /// - Throws: `GatewayFailure` with status 400.
    init(_ text: String) throws(GatewayFailure) {
        guard let unit = text.last.flatMap({ Self.units[$0] }), let count = Int32(text.dropLast()),
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }), 1...Self.longest / unit ~= count
        else {
            throw .invalid(
                "`completion_window` is 24h, or another time like 90s, 15m, 6h or 7d; 30d at most.",
                parameter: "completion_window")
        }
        (self.text, seconds) = (text, count * unit)
    }
}
