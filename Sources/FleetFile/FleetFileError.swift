/// A fleet file that cannot be what somebody meant, with everything that is wrong with it.
package struct FleetFileError: Error, CustomStringConvertible {
    /// One thing that is wrong.
    package struct Problem: Sendable, Hashable {
        /// From 1; 0 when no line is to blame.
        package var line: Int
        /// One sentence that says what to do.
        package var message: String
    }

    /// In the order of their lines; never empty.
    package var problems: [Problem]

    package var description: String {
        problems.map { "line \($0.line): \($0.message)" }.joined(separator: " ")
    }
}
