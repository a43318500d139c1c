import Foundation

/// What this process was started with.
enum ProcessEnvironment {
    /// All environment variables.
    static var variables: [String: String] { ProcessInfo.processInfo.environment }

    /// A variable that is set and not empty.
    static func variable(_ name: String) -> String? {
        variables[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The absolute path of this program, or nil when the system does not say.
    static var program: String? {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            return nil
        }
    }

    /// Who runs it, for the record: `SLUICE_ACTOR`, or the user and the machine.
    static var person: String {
        let user = variable("USER") ?? variable("LOGNAME") ?? ProcessInfo.processInfo.userName
        return variable("SLUICE_ACTOR") ?? "\(user)@\(host)"
    }

    /// This process's number.
    static var processID: Int32 { ProcessInfo.processInfo.processIdentifier }

    /// This machine's name, for people: `SLUICE_HOST`, or what the system calls it.
    static var host: String { variable("SLUICE_HOST") ?? ProcessInfo.processInfo.hostName }
}
