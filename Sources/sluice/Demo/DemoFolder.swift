import FoundationEssentials
import Glibc
import Terminal

/// The folder of a demonstration: the queue's own, and what came of it.
struct DemoFolder: Sendable {
    /// Where it is.
    let path: String
    /// Whether this run made the queue in it.
    let isOurs: Bool

    /// The data folder of the queue.
    var queue: String { path + "/queue" }
    /// The answers.
    var answers: String { path + "/answers.jsonl" }
    /// The requests that failed.
    var errors: String { path + "/errors.jsonl" }
    /// What the queue's processes said.
    var log: String { path + "/up.log" }

    /// The folder at `path`, made when it is not there; nil: a fresh one in /tmp.
    init(_ path: String?) throws {
        if let path {
            self.path = path
            do {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            } catch {
                throw CommandFailure(
                    .cannotCreate, "The folder \(path) cannot be made.", fix: "Name another with --data.")
            }
        } else {
            var template = Array("/tmp/sluice-demo-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else {
                throw CommandFailure(.cannotCreate, "No folder can be made in /tmp.", fix: "Name one with --data.")
            }
            self.path = template.withUnsafeBufferPointer {
                String(decoding: $0.dropLast().map(UInt8.init), as: UTF8.self)
            }
            // Started as root, the server runs as postgres, who has to get through.
            if geteuid() == 0 { chmod(self.path, 0o711) }
        }
        isOurs = !FileManager.default.fileExists(atPath: self.path + "/queue")
    }

    /// Removes the queue's data, if this run made them.
    func removeQueue() throws {
        guard isOurs, FileManager.default.fileExists(atPath: queue) else { return }
        try FileManager.default.removeItem(atPath: queue)
    }
}
