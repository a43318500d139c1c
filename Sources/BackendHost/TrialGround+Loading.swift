internal import BackendABI
internal import Domain

extension TrialGround {
    func exportsOnlyTheEntry() throws -> String {
        guard let names = ELFExports.names(in: file.path) else {
            throw Complaint(.symbols, "the file is no 64-bit ELF library with section headers")
        }
        guard names.contains(SLUICE_ENTRY_SYMBOL) else { throw Complaint(.symbols, "does not export the entry symbol") }
        let others = names.filter { $0 != SLUICE_ENTRY_SYMBOL }
        guard others.isEmpty else {
            let seen = others.prefix(5).joined(separator: " ")
            throw Complaint(.symbols, "also exports \(others.count) others: \(seen)")
        }
        return SLUICE_ENTRY_SYMBOL
    }

    func declaresItself() throws -> String {
        let descriptor = try load().descriptor
        let kinds = descriptor.capabilities.map(\.rawValue).sorted().joined(separator: ", ")
        return "\(descriptor.name) \(descriptor.version), ABI \(descriptor.abi), \(kinds)"
    }

    func entryOnlyKeepsTheHost() throws -> String {
        let watched = unsafe ForeignHost.watched()
        _ = try unsafe load(watched)
        let calls = ForeignHost.callsSeen
        guard calls == 0 else { throw Complaint(.entry, "called the host \(calls) times from its entry") }
        return "the host was not called"
    }

    func worksWithNewerMinor() async throws -> String {
        let host = unsafe ForeignHost.newerMinor()
        let backend: Backend
        do {
            backend = try unsafe load(host)
        } catch let complaint as Complaint where complaint.rule == .version {
            throw Complaint(.growth, complaint.text)
        }
        let instance = try start(backend)
        try await expectAnswer(instance, after: "a newer host")
        return "answers a host of \(SLUICE_ABI_MAJOR).\(SLUICE_ABI_MINOR + ForeignHost.newerBy)"
    }

    func readsOnlyWhatIsGiven() async throws -> String {
        guard let host = unsafe ForeignHost.oldest() else {
            throw Complaint(.sizes, "the system gave no memory to try it with")
        }
        do {
            let instance = try start(unsafe Backend.load(file, host: host))
            try await expectAnswer(instance, after: "the oldest host")
            return "works with a host of \(SLUICE_ABI_MAJOR).0, whose table ends at an unreadable page"
        } catch let error as BackendError where error.code == .abiMismatch {
            return "refuses a host of \(SLUICE_ABI_MAJOR).0"
        }
    }

    func survivesOtherMajor() throws -> String {
        guard let host = unsafe ForeignHost.otherMajor() else {
            throw Complaint(.sizes, "the system gave no memory to try it with")
        }
        do {
            let backend = try unsafe Backend.load(file, host: host, expectedMajor: SLUICE_ABI_MAJOR + 1)
            throw Complaint(
                .ownVersion, "took a host of \(SLUICE_ABI_MAJOR + 1).0 for its own: says \(backend.descriptor.abi)")
        } catch let error as BackendError where error.code == .abiMismatch {
            return "is refused, or refuses"
        } catch let error as BackendError {
            throw Complaint(.ownVersion, error.description)
        }
    }
}
