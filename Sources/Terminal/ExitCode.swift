/// How a command says to its caller what became of it.
///
/// The numbers above 63 are those of BSD's `sysexits.h`, so that scripts and service managers already know them.
public enum ExitCode: Int32, Sendable, CaseIterable {
    /// All went as asked.
    case ok = 0
    /// The command worked, but what it waited for or looked at did not end well: a failed job, a batch with failures.
    case failed = 1
    /// The command line is wrong.
    case usage = 64
    /// What was given to read is wrong: a malformed batch file, a request that is not JSON.
    case dataInvalid = 65
    /// What was given to read is not there or cannot be read.
    case noInput = 66
    /// Something the command needs is not there: the database is down or refuses.
    case unavailable = 69
    /// Sluice itself is wrong; worth a report.
    case software = 70
    /// The file to write cannot be created.
    case cannotCreate = 73
    /// Reading or writing failed on the way: a full disk, a broken device.
    case io = 74
    /// Not now, but trying again may work: time ran out, another process holds the lock.
    case temporary = 75
    /// Not allowed.
    case noPermission = 77
    /// The configuration is wrong.
    case configuration = 78

    /// What the code means, in a few words, for the table of the manual.
    public var meaning: String {
        switch self {
        case .ok: "all went as asked"
        case .failed: "done, but what was waited for failed"
        case .usage: "the command line is wrong"
        case .dataInvalid: "the input is malformed"
        case .noInput: "the input does not exist or cannot be read"
        case .unavailable: "the database or another service is down"
        case .software: "a defect of Sluice"
        case .cannotCreate: "the output cannot be created"
        case .io: "reading or writing failed"
        case .temporary: "failed for now; try again"
        case .noPermission: "not permitted"
        case .configuration: "the configuration is wrong"
        }
    }
}
