extension TestDatabase {
    /// Brings the database at `url` to the newest schema. It must have closed its connections when it returns: the
    /// database is then copied.
    static func migrate(_ url: String) async throws {
        // The schema has no migrator yet: a migrated database is an empty one.
    }
}
