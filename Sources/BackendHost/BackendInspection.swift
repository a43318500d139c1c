internal import Domain
internal import JSONText
internal import Subprocess

/// What a backend's file says about itself, found out in a short-lived process, because loading a library runs its code.
package struct BackendInspection: Sendable, Hashable {
    /// The file, as the child found it.
    package var file: BackendFile
    /// What the backend declares.
    package var descriptor: BackendDescriptor

    /// Inspects `file` by running `command`, a program with its arguments that prints what `describe` returns and ends:
    /// `["/proc/self/exe", "backends", "inspect", file.path]`.
    ///
    /// The child gets an empty environment and is killed after `timeLimit`; 64 KiB of its output are read. Cancelling the
    /// task kills it too.
    /// - Throws: the child's own finding; `inspectionFailed` when it crashed, hung or printed something else;
    /// `digestMismatch` when the child found another content than `file` has.
    package static func run(
        _ file: BackendFile,
        command: [String],
        timeLimit: Duration = .seconds(10)
    ) async throws(BackendError) -> BackendInspection {
        let ending = await ChildRun.run(
            command, timeLimit: timeLimit, environment: .custom([:] as [Environment.Key: String]))
        func failure(_ message: String, _ cause: String? = nil) -> BackendError {
            BackendError(.inspectionFailed, message, ["path": file.path], cause: cause)
        }
        switch ending {
        case .timedOut: throw failure("the backend hung while it was inspected", "no answer in \(timeLimit)")
        case .cancelled: throw failure("the inspection was cancelled")
        case .notStarted(let cause): throw failure("the inspecting process could not be run", cause)
        case .crashed(let signal, let errors):
            throw failure("the backend crashed while it was inspected", "signal \(signal)" + ChildRun.lastWords(errors))
        case .exited(let code, _, let errors) where code != 0:
            throw failure(
                "the backend ended the process that inspected it", "exit status \(code)" + ChildRun.lastWords(errors))
        case .exited(_, let output, let errors):
            // The library may have printed something of its own: the result is the last line.
            guard let line = output.split(separator: UInt8(ascii: "\n")).last else {
                let words = ChildRun.lastWords(errors)
                throw failure("the inspecting process printed no result", words.isEmpty ? nil : words)
            }
            let found = try BackendInspection(line: Array(line), path: file.path)
            guard found.file.sha256 == file.sha256 else {
                throw BackendFile.mismatch(path: file.path, recorded: file.sha256, found: found.file.sha256)
            }
            return found
        }
    }

    /// For the child: loads the backend at `path` and returns one line of JSON for standard output, which holds the
    /// findings or the error.
    ///
    /// Ends the process if the backend does.
    package static func describe(_ path: String) -> String {
        var text: [UInt8] = []
        do {
            let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
            let backend = try Backend.load(BackendFile.verify(path: path, allowedDirectories: [directory]))
            text.append(members: [
                ("path", backend.file.path), ("sha256", backend.file.sha256), ("name", backend.descriptor.name),
                ("version", backend.descriptor.version), ("abi", backend.descriptor.abi),
                ("kinds", backend.descriptor.capabilities.map(\.rawValue).sorted().joined(separator: ",")),
                ("streaming", backend.descriptor.canStream ? "true" : "false"),
                ("max_concurrency", "\(backend.descriptor.maximumConcurrency)"),
                ("preferred_batch", "\(backend.descriptor.preferredBatch)"),
            ])
        } catch {
            text.append(
                members: [("error", error.code.rawValue), ("message", error.message)]
                    + (error.cause.map { [("cause", $0)] } ?? [])
                    + error.context.map { ("context_" + $0.name, $0.value) }
            )
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension BackendInspection {
    /// Reads what `describe` wrote.
    private init(line: [UInt8], path: String) throws(BackendError) {
        func malformed() -> BackendError {
            BackendError(.inspectionFailed, "the inspecting process printed something else", ["path": path])
        }
        guard case .object(let members)? = JSONValue(parsing: line) else { throw malformed() }
        var texts: [String: String] = [:]
        for member in members { if case .string(let text) = member.value { texts[member.key] = text } }
        if let code = texts["error"].flatMap(BackendError.Code.init(rawValue:)) {
            var error = BackendError(code, texts["message"] ?? "the backend was refused", cause: texts["cause"])
            error.context = members.filter { $0.key.hasPrefix("context_") }.map {
                .init(name: String($0.key.dropFirst(8)), value: texts[$0.key] ?? "")
            }
            throw error
        }
        guard let found = texts["path"], let sha256 = texts["sha256"], let name = texts["name"],
            let version = texts["version"], let abi = texts["abi"], let kinds = texts["kinds"],
            let concurrency = texts["max_concurrency"].flatMap({ Int($0) }),
            let batch = texts["preferred_batch"].flatMap({ Int($0) })
        else { throw malformed() }
        file = BackendFile(path: found, sha256: sha256)
        descriptor = BackendDescriptor(
            name: name,
            version: version,
            abi: abi,
            capabilities: Set(kinds.split(separator: ",").compactMap { JobKind(rawValue: String($0)) }),
            canStream: texts["streaming"] == "true",
            maximumConcurrency: concurrency,
            preferredBatch: batch
        )
    }
}
