import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import PrivatePostgres

struct PostmasterFileTests {
    @Test func `a file of a running server is read`() {
        let file = PostmasterFile("4711\n/data/cluster\n1700000000\n5433\n/data/run\n\n  5432001    7\nready   \n")
        #expect(file?.processID == 4711)
        #expect(file?.address == ServerAddress(socketDirectory: "/data/run", port: 5433))
        #expect(file?.isReady == true)
    }

    @Test func `a file half written is not ready`() {
        #expect(PostmasterFile("4711\n/data/cluster\n")?.isReady == false)
        #expect(PostmasterFile("4711\n/data/cluster\n")?.address == nil)
        #expect(PostmasterFile("4711\n/d\n1\n5433\n/data/run\n\n 1 2\nstarting\n")?.isReady == false)
    }

    @Test(arguments: ["", "\n", "x\n", "-1\n", "1\n", "99999999999\n"])
    func `anything else is no such file`(text: String) {
        #expect(PostmasterFile(text) == nil)
    }
}

struct ServerBinariesTests {
    private let old = ServerBinaries(folder: "/a", majorVersion: 12)
    private let new = ServerBinaries(folder: "/b", majorVersion: 17)

    @Test func `the first new enough is taken, or the one a folder was made by`() throws {
        #expect(try ServerBinaries.choose(from: [old, new], majorVersion: nil) == new)
        #expect(try ServerBinaries.choose(from: [new, old], majorVersion: 12) == old)
    }

    @Test(arguments: [
        (0, nil, PrivateServerError.Code.serverNotInstalled), (1, nil, .serverNotInstalled), (2, 16, .wrongVersion),
    ])
    func `none that fits is an error that names the package`(count: Int, version: Int?, code: PrivateServerError.Code) {
        let found = Array([old, new].prefix(count))
        let error = #expect(throws: PrivateServerError.self) {
            try ServerBinaries.choose(from: found, majorVersion: version)
        }
        #expect(error?.code == code)
        #expect(error?.message.contains("apt-get install postgresql") == true)
    }

    @Test func `versions are read`() {
        #expect(ServerBinaries.parseMajorVersion("postgres (PostgreSQL) 15.14 (Debian 15.14-0)\n") == 15)
        #expect(ServerBinaries.parseMajorVersion("postgres (PostgreSQL) 18beta1\n") == 18)
        #expect(ServerBinaries.parseMajorVersion("no\n") == nil)
    }
}

struct ServerAddressTests {
    @Test func `odd folders are quoted`() {
        let address = ServerAddress(socketDirectory: #"/o'dd \x"#, port: 5432)
        #expect(address.connectionString() == #"host='/o\'dd \\x' port=5432 user=postgres dbname=sluice"#)
    }
}

struct DatabasesTests {
    @Test func `names and texts are quoted`() {
        #expect(Databases.identifier(#"a"b"#) == #""a""b""#)
        #expect(Databases.literal("a'b") == "'a''b'")
    }
}

struct ServerLogTests {
    @Test func `two files of bounded size are kept`() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder.path + "/log"
            var log = try ServerLog(path: path, fileLimit: 100)
            for number in 10..<60 {
                try Array("line \(number)\n".utf8).withUnsafeBytes { try log.append($0) }
            }
            log.close()
            let now = try String(contentsOfFile: path, encoding: .utf8)
            let before = try String(contentsOfFile: path + ".1", encoding: .utf8)
            #expect(now.utf8.count <= 100 && before.utf8.count <= 100)
            #expect((before + now).hasSuffix("line 57\nline 58\nline 59\n"))
            #expect(log.lastLines == "line 55 / line 56 / line 57 / line 58 / line 59")
        }
    }
}

struct ServerAccountTests {
    @Test func `a folder in the way is named`() async throws {
        try await TemporaryFolder.with { folder in
            let inner = folder.path + "/a"
            mkdir(inner, 0o700)
            let stranger = ServerAccount(userID: 64_001, groupID: 64_001)
            let error = #expect(throws: PrivateServerError.self) { try stranger.checkAccess(to: inner) }
            #expect(error?.message.contains("chmod o+x \(inner)") == true)
            chmod(inner, 0o711)
            try stranger.checkAccess(to: inner)
        }
    }
}
