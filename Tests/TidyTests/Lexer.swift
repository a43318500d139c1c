/// Enough of Swift's lexical grammar to tell code from comments and string contents.
struct Lexer {
    let text: [UInt8]
    private var result: [UInt8] = []
    private var index = 0

    init(text: [UInt8]) { self.text = text }

    mutating func run() -> [UInt8] {
        result.reserveCapacity(text.count)
        while index < text.count {
            if starts(with: "//") {
                while index < text.count, text[index] != UInt8(ascii: "\n") { blank(1) }
            } else if starts(with: "/*") {
                comment()
            } else if text[index] == UInt8(ascii: "#") || text[index] == UInt8(ascii: "\"") {
                string()
            } else {
                keep(1)
            }
        }
        return result
    }

    private func starts(with word: String) -> Bool {
        text.count - index >= word.utf8.count && text[index..<(index + word.utf8.count)].elementsEqual(word.utf8)
    }

    private mutating func keep(_ count: Int) {
        result.append(contentsOf: text[index..<(index + count)])
        index += count
    }

    private mutating func blank(_ count: Int) {
        for byte in text[index..<min(index + count, text.count)] {
            result.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        index = min(index + count, text.count)
    }

    private mutating func comment() {
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                blank(2)
            } else if starts(with: "*/") {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && index < text.count
    }

    private mutating func string() {
        var hashes = 0
        while index + hashes < text.count, text[index + hashes] == UInt8(ascii: "#") { hashes += 1 }
        let pounds = String(repeating: "#", count: hashes)
        let afterHashes = index + hashes
        guard afterHashes < text.count, text[afterHashes] == UInt8(ascii: "\"") else { return keep(max(hashes, 1)) }
        keep(hashes)
        let quote = starts(with: "\"\"\"") ? "\"\"\"" : "\""
        keep(quote.utf8.count)
        let end = quote + pounds
        let escape = "\\" + pounds
        while index < text.count, !starts(with: end) {
            // A one-line literal cannot be left open: what looked like one was a regular expression or half a line.
            if quote.utf8.count == 1, text[index] == UInt8(ascii: "\n") { return }
            blank(starts(with: escape) ? escape.utf8.count + 1 : 1)
        }
        if index < text.count { keep(end.utf8.count) }
    }
}
