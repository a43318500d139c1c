import FoundationEssentials

/// How much memory this host has for workers.
package enum HostMemory {
    /// Nine tenths of what the machine or the control group of this process has, whichever is less, in bytes; nil when
    /// neither says. The rest is for everything else.
    package static func available() -> Int? {
        let all = [total(text("/proc/meminfo")), limit(text("/sys/fs/cgroup/memory.max"))].compactMap { $0 }.min()
        return all.map { $0 / 10 * 9 }
    }

    /// The bytes of `MemTotal` in the text of /proc/meminfo.
    static func total(_ text: String) -> Int? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemTotal:") }) else { return nil }
        let words = line.split(separator: " ")
        guard words.count == 3, words[2] == "kB", let kibibytes = Int(words[1]) else { return nil }
        return kibibytes << 10
    }

    /// The bytes of a control group's `memory.max`; nil for `max`.
    static func limit(_ text: String) -> Int? { Int(text.prefix { $0 != "\n" }) }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
