extension PrivateServer {
    /// Makes the database `name`, a copy of `template` when one is given; nobody may be connected to the template.
    /// One that is there already is left as it is.
    ///
    /// - Returns: its connection string.
    /// - Throws: `PrivateServerError` with `toolFailed`; what `waitUntilReady` throws.
    @discardableResult
    package func createDatabase(_ name: String, template: String? = nil) async throws -> String {
        let address = try await waitUntilReady()
        try await Databases(binaries: .find(), address: address).createMissing(name, template: template)
        return address.connectionString(database: name)
    }

    /// Drops the database `name` and cuts the sessions in it. One that is not there is no error.
    ///
    /// - Throws: `PrivateServerError` with `toolFailed`; what `waitUntilReady` throws.
    package func dropDatabase(_ name: String) async throws {
        let address = try await waitUntilReady()
        try await Databases(binaries: .find(), address: address).drop(name)
    }
}
