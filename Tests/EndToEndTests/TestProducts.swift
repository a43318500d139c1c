import TestSupport

/// What the tests of the program start.
enum TestProducts {
    static var sluice: String { get throws { try Products.path(of: "sluice") } }
}
