/// How much a batch file may ask for.
public struct BatchLimits: Sendable, Hashable {
    /// Bytes of a line, without its end.
    ///
    /// A longer line is a problem; the lines after it are read. Default 8 MiB.
    public var maximumLineBytes = 8 << 20
    /// Lines that are not blank.
    ///
    /// Reading stops at the one after the last allowed. Default 1,000,000.
    public var maximumLines = 1_000_000
    /// Bytes of the whole file.
    ///
    /// Checked before anything is read, or while standard input is stored. Default 16 GiB.
    public var maximumBytes: Int64 = 16 << 30
    /// Bytes of UTF-8 of a `custom_id`.
    ///
    /// Default 512.
    public var maximumCustomIDBytes = 512
    /// Bytes of UTF-8 of a model's name.
    ///
    /// Default 256.
    public var maximumModelBytes = 256
    /// Different models in one file, each of which is counted.
    ///
    /// Default 1,000.
    public var maximumModels = 1_000
    /// How deep a line's JSON may nest.
    ///
    /// Default 128.
    public var maximumDepth = 128
    /// Problems a summary lists; the others are only counted.
    ///
    /// Default 1,000.
    public var maximumListedProblems = 1_000

    /// The defaults.
    public init() {}
}
