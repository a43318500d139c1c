/// What the command line says about output.
public struct OutputOptions: Sendable, Hashable {
    /// Whether results are JSON: an object, or an object a line for a list.
    public var isJSON: Bool
    /// Whether only results and errors are shown.
    public var isQuiet: Bool

    /// Output for people unless told otherwise.
    public init(isJSON: Bool = false, isQuiet: Bool = false) {
        self.isJSON = isJSON
        self.isQuiet = isQuiet
    }
}
