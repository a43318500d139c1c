import BackendHost
import Foundation
import Testing

@Suite struct BackendFileTests {
    @Test func namesFindTheirLibraries() throws {
        let folder = try TemporaryFolder()
        for name in ["libMockBackend.so", "libExampleC.so", "my_own-backend.so", "libmock.txt"] {
            try folder.write(name, [1])
        }
        func found(_ name: String) throws -> String { try BackendFile.locate(name, in: ["/nowhere", folder.path]) }
        #expect(try found("mock") == folder.path + "/libMockBackend.so")
        #expect(try found("MockBackend") == folder.path + "/libMockBackend.so")
        #expect(try found("examplec") == folder.path + "/libExampleC.so")
        #expect(try found("example-c") == folder.path + "/libExampleC.so")
        #expect(try found("MyOwn") == folder.path + "/my_own-backend.so")
        #expect(try found("./x/y.so") == "./x/y.so")
        let error = #expect(throws: BackendError.self) { try found("openai") }
        #expect(error?.code == .notFound)
        #expect(error?.description.contains("ExampleC MockBackend") == true)
    }

    @Test func anExactNameWinsOverTheLongOne() throws {
        let folder = try TemporaryFolder()
        try folder.write("libAlphaBackend.so", [1])
        try folder.write("libalpha.so", [1])
        #expect(try BackendFile.locate("Alpha", in: [folder.path]) == folder.path + "/libalpha.so")
    }

    @Test func aGoodFileHasItsDigest() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("a.so", Array("abc".utf8))
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let file = try BackendFile.verify(
            path: path, allowedDirectories: [folder.path], expectedSHA256: digest.uppercased())
        #expect(file.sha256 == digest)
        #expect(file.path == path)
    }

    @Test func aDifferentDigestIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("a.so", Array("abc".utf8))
        #expect(
            code { try BackendFile.verify(path: path, allowedDirectories: ["/"], expectedSHA256: "00") }
                == .digestMismatch)
    }

    @Test(arguments: [0o646, 0o664, 0o666, 0o602]) func aFileOthersMayWriteIsRefused(mode: Int) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("a.so", [1], mode: mode)
        #expect(code { try BackendFile.verify(path: path, allowedDirectories: [folder.path]) } == .notTrusted)
    }

    @Test func aDirectoryEverybodyMayWriteIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("a.so", [1])
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        #expect(code { try BackendFile.verify(path: path, allowedDirectories: [folder.path]) } == .notTrusted)
    }

    @Test func aFileOfAnotherUserIsRefused() throws {
        // Only root can give files away.
        guard geteuid() == 0 else { return }
        let folder = try TemporaryFolder()
        let path = try folder.write("a.so", [1])
        #expect(chown(path, 65_534, 65_534) == 0)
        #expect(code { try BackendFile.verify(path: path, allowedDirectories: [folder.path]) } == .notTrusted)
    }

    @Test func aLinkOutOfTheAllowedDirectoriesIsRefused() throws {
        let (inside, outside) = (try TemporaryFolder(), try TemporaryFolder())
        let target = try outside.write("a.so", [1])
        let link = inside.path + "/a.so"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        #expect(code { try BackendFile.verify(path: link, allowedDirectories: [inside.path]) } == .notTrusted)
        let both = try BackendFile.verify(path: link, allowedDirectories: [inside.path, outside.path])
        #expect(both.path == target)
        // A directory's name that merely begins alike does not allow.
        #expect(
            code { try BackendFile.verify(path: target, allowedDirectories: [String(outside.path.dropLast())]) }
                == .notTrusted)
    }

    @Test func whatIsNoRegularFileIsRefused() throws {
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder.path + "/fifo.so", 0o600) == 0)
        for name in ["/fifo.so", "/"] {
            let path = folder.path + name
            let code = code { try BackendFile.verify(path: path, allowedDirectories: ["/"]) }
            #expect(code == .notTrusted)
        }
        #expect(code { try BackendFile.verify(path: "/dev/null", allowedDirectories: ["/"]) } == .notTrusted)
        #expect(code { try BackendFile.verify(path: "/no/such.so", allowedDirectories: ["/"]) } == .notFound)
    }

    private func code(_ body: () throws -> BackendFile) -> BackendError.Code? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? BackendError)?.code
        }
    }
}
