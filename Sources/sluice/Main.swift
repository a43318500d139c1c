import ArgumentParser
import Terminal

@main
struct Main {
    static func main() async {
        Console.ignoreBrokenPipes()
        do {
            var command = try Sluice.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Sluice.exit(withError: error)
        }
    }
}
