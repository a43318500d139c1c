import Domain

/// The version of this program.
enum Version {
    static let text = "\(Release.current)"
}
