import ArgumentParser
import Terminal

/// How a command shows what it has to say. Colours follow the terminal and `NO_COLOR`.
struct OutputFlags: ParsableArguments {
    @Flag(help: "Results as JSON: an object, or one object a line for a list.")
    var json = false

    @Flag(name: .shortAndLong, help: "Results and errors only.")
    var quiet = false

    /// The console these flags ask for.
    var console: Console {
        Console(options: OutputOptions(isJSON: json, isQuiet: quiet), environment: ProcessEnvironment.variables)
    }
}
