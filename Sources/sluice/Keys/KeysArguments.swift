import Admission
import ArgumentParser

extension KeyScope: ExpressibleByArgument {}

extension AddressRange: ExpressibleByArgument {
    /// An address or a network, like 10.0.0.0/8.
    package init?(argument: String) { self.init(argument) }
}
