import ArgumentParser
import Foundation
import Terminal

/// Text given on the command line, or `@FILE` for the text of a file.
struct TextArgument: ExpressibleByArgument, Sendable {
    /// A file larger than this was not meant.
    static let fileLimit = 16 << 20

    private let argument: String

    init?(argument: String) { self.argument = argument }

    /// The text.
    ///
    /// - Throws: `CommandFailure` when the file cannot be read.
    func text() throws(CommandFailure) -> String {
        guard argument.hasPrefix("@") else { return argument }
        let path = String(argument.dropFirst())
        do {
            let data = try Data(contentsOf: URL(filePath: path))
            guard data.count <= Self.fileLimit else { throw CocoaError(.fileReadTooLarge) }
            return String(decoding: data, as: UTF8.self)
        } catch {
            throw CommandFailure(.noInput, "The file \(path) cannot be read.", fix: "Check its name and permissions.")
        }
    }
}
