/// The hosts of a connection string: the comma-separated lists of `host`, `hostaddr` and `port`.
struct HostList: Equatable {
    struct Host: Equatable {
        var name: String?
        var address: String?
        var port: String?
    }

    var hosts: [Host]

    /// The hosts that `settings` name, or nil when they name none.
    init?(_ settings: [(String, String)]) {
        func list(_ keyword: String) -> [String]? {
            settings.first { $0.0 == keyword }?.1
                .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"))
        guard let count = names?.count ?? addresses?.count else { return nil }
        hosts = (0..<count).map { index in
            // One port stands for all.
            let port = ports.flatMap { $0.count == 1 ? $0[0] : $0.indices.contains(index) ? $0[index] : nil }
            return Host(
                name: names?[index],
                address: addresses.flatMap { $0.indices.contains(index) ? $0[index] : nil },
                port: port
            )
        }
    }

    /// The list without the host of that name (or address) and port, or nil when that leaves nothing, or it is not there.
    func without(host: String, port: String) -> HostList? {
        let index = hosts.firstIndex {
            ($0.name == host || $0.address == host) && ($0.port == port || ($0.port ?? "").isEmpty)
        }
        guard let index, hosts.count > 1 else { return nil }
        var copy = self
        copy.hosts.remove(at: index)
        return copy
    }

    /// `settings` with this list in place of theirs.
    func applied(to settings: [(String, String)]) -> [(String, String)] {
        settings.map { keyword, value in
            switch keyword {
            case "host": (keyword, hosts.map { $0.name ?? "" }.joined(separator: ","))
            case "hostaddr": (keyword, hosts.map { $0.address ?? "" }.joined(separator: ","))
            case "port": (keyword, hosts.map { $0.port ?? "" }.joined(separator: ","))
            default: (keyword, value)
            }
        }
    }
}
