/// What the README tells people to type exists.
enum ReadmeCommands {
    /// Commands in fenced blocks: `make` targets and `sluice` subcommands, with the line.
    static func commands(in file: SourceFile) -> [(line: Int, program: String, argument: String)] {
        var isFenced = false
        return file.lines.enumerated().compactMap { index, line in
            if line.hasPrefix("```") {
                isFenced.toggle()
                return nil
            }
            guard isFenced else { return nil }
            let words = line.drop { $0 == "$" || $0 == " " }.split(separator: " ")
            guard let first = words.first, words.count > 1 else { return nil }
            let program = String(first.split(separator: "/").last ?? first)
            let argument = String(words[1])
            guard program == "make" || program == "sluice", argument.first?.isLetter == true else { return nil }
            return (index + 1, program, argument)
        }
    }

    static func makeTargets(in makefile: String) -> Set<String> {
        Set(
            makefile.split(separator: "\n").compactMap { line in
                guard let colon = line.firstIndex(of: ":"), line.first?.isLetter == true else { return nil }
                let name = line[..<colon]
                return name.allSatisfy { $0.isLetter || $0 == "-" } ? String(name) : nil
            })
    }

    /// The words `sluice` takes first: every `commandName:` of its sources.
    static func subcommands(in files: [SourceFile]) -> Set<String> {
        Set(
            files.flatMap(\.lines).compactMap { line in
                guard let mark = line.firstRange(of: "commandName: \"") else { return nil }
                return String(line[mark.upperBound...].prefix { $0 != "\"" })
            })
    }

    static func findings(in readme: SourceFile, make: Set<String>, sluice: Set<String>) -> [Finding] {
        commands(in: readme).filter { !($0.program == "make" ? make : sluice).contains($0.argument) }.map {
            Finding(
                path: readme.path, line: $0.line, what: "\($0.program) \($0.argument) does not exist",
                instead: "write what does")
        }
    }
}
