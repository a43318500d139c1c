import FoundationEssentials

/// Where the build put what the tests start: beside the test program itself.
package enum Products {
    /// The folder of this run's build; also the one that holds the backends' `lib….so`.
    package static var folder: String {
        get throws {
            let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            return String(program[..<(program.lastIndex(of: "/") ?? program.endIndex)])
        }
    }

    /// The path of the executable `name`, such as `sluice`.
    package static func path(of name: String) throws -> String {
        let path = "\(try folder)/\(name)"
        guard FileManager.default.isExecutableFile(atPath: path) else { throw Missing(path: path) }
        return path
    }

    /// The path of the dynamic library product `name`, such as `MockBackend`.
    package static func backend(_ name: String) throws -> String { try path(of: "lib\(name).so") }

    /// A product is not there: its target is no dependency of the test target.
    package struct Missing: Error, CustomStringConvertible {
        let path: String

        package var description: String { "\(path) was not built: make it a dependency of the test target" }
    }
}
