/// Ids as OpenAI's clients know them: a word for what it is, and our number. Pure.
enum PublicID: String {
    case file = "file-"
    case batch = "batch_"
    case response = "resp_"

    /// The id of `number`.
    func text(_ number: some BinaryInteger) -> String { "\(rawValue)\(number)" }

    /// The number of an id; nil when `text` never was one.
    func number(of text: some StringProtocol) -> Int64? {
        guard text.hasPrefix(rawValue), let number = Int64(text.dropFirst(rawValue.count)), number > 0,
            self.text(number) == text
        else { return nil }
        return number
    }
}
