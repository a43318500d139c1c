import BackendKit
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import OpenAIClient

@Suite struct SecretTests {
    @Test func secretsAreReadWhereTheyAre() async throws {
        setenv("SLUICE_TEST_SECRET_READ", " sk-one \n", 1)
        #expect(try #require(SecretReference("env:SLUICE_TEST_SECRET_READ")).resolve() == "sk-one")
        try await TemporaryFolder.with { folder in
            try Data("sk-two\n".utf8).write(to: URL(filePath: folder.path + "/key"))
            #expect(try #require(SecretReference("file:\(folder.path)/key")).resolve() == "sk-two")
        }
    }

    @Test func whatIsNoSecretIsRefusedByItsPlace() async throws {
        try await TemporaryFolder.with { folder in
            try Data("two\nlines".utf8).write(to: URL(filePath: folder.path + "/lines"))
            try Data(repeating: 0x61, count: 20_000).write(to: URL(filePath: folder.path + "/long"))
            try Data().write(to: URL(filePath: folder.path + "/empty"))
            for place in [
                "env:SLUICE_TEST_NOT_SET", "file:\(folder.path)/none", "file:\(folder.path)/lines",
                "file:\(folder.path)/long", "file:\(folder.path)/empty", "file:\(folder.path)",
            ] {
                let reference = try #require(SecretReference(place))
                let failure = try #require(throws: BackendFailure.self) { try reference.resolve() }
                #expect(failure.errorClass == .auth)
                #expect(failure.message.contains(place.drop { $0 != ":" }.dropFirst()), "\(failure.message)")
                #expect(!failure.message.contains("two"))
            }
        }
        #expect(SecretReference("sk-1") == nil && SecretReference("env:") == nil && SecretReference("file:a") == nil)
    }

    @Test func secretsAreTakenOut() {
        let redaction = Redaction(["sk-secret", "short"])
        #expect(redaction.applied(to: "key sk-secret, sk-secret!") == "key [secret], [secret]!")
        #expect(redaction.applied(to: "sk-secre short") == "sk-secre short")
        #expect(redaction.applied(to: "") == "")
    }
}
