import ArgumentParser
import Terminal

@main
struct Main {
    static func main() async {
        Console.ignoreBrokenPipes()
        do {
            var command = try Sluice.parseAsRoot()
            if type(of: command) is any BackendHosting.Type { ProcessGuard.hardenForBackend() }
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
