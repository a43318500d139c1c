/// What a key lets its holder do.
package enum KeyScope: String, Sendable, CaseIterable {
    /// Look at one's own jobs, and at models.
    case read
    /// Make jobs, and cancel or repeat one's own.
    case submit

    /// Whether a key with `scopes` may do what this one lets.
    package func isGranted(by scopes: Set<KeyScope>) -> Bool { scopes.contains(self) }
}
