public import ArgumentParser
public import Domain

extension JobState: ExpressibleByArgument {}
extension JobKind: ExpressibleByArgument {}

extension Priority: ExpressibleByArgument {
    /// 0 to 4.
    public init?(argument: String) {
        guard let level = Int16(argument) else { return nil }
        self.init(rawValue: level)
    }

    /// The number.
    public var defaultValueDescription: String { "\(rawValue)" }
}
