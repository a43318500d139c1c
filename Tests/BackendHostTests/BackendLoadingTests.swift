import Domain
import Foundation
import Testing

@testable import BackendHost

@Suite struct BackendLoadingTests {
    @Test func theMockDeclaresItself() throws {
        let descriptor = try BackendProducts.load("mock").descriptor
        #expect(descriptor.name == "mock")
        #expect(descriptor.abi == "1.1")
        #expect(descriptor.capabilities == [.chat, .completion, .embedding, .response])
        #expect(descriptor.canStream)
        #expect(descriptor.maximumConcurrency == 4_096)
    }

    @Test(arguments: ["mock", "ExampleC"]) func onlyTheEntryIsExported(name: String) throws {
        #expect(ELFExports.names(in: try BackendProducts.file(name).path) == ["sluice_backend_entry"])
    }

    @Test func aNewerMinorVersionIsTaken() async throws {
        let backend = try Backend.load(await BackendProducts.puppet())
        #expect(backend.descriptor.abi == "1.7")
        #expect(backend.descriptor.preferredBatch == 1)
    }

    @Test func anotherMajorVersionIsRefusedNamingBoth() async throws {
        let file = try await BackendProducts.puppet("MAJOR=2", "SIZE=8", "NAME=(char*)1")
        let error = #expect(throws: BackendError.self) { try Backend.load(file) }
        #expect(error?.code == .abiMismatch)
        #expect(error?.description.contains("backend_abi 2.7") == true)
        #expect(error?.description.contains("host_abi 1.1") == true)
    }

    @Test func aBackendMayRefuseTheHost() async throws {
        let file = try await BackendProducts.puppet("REFUSE")
        #expect(
            throws: BackendError(.abiMismatch, "the backend refused this host", ["host_abi": "1.1", "path": file.path])
        ) {
            try Backend.load(file)
        }
    }

    @Test(arguments: [
        "SIZE=40", "SIZE=1000000", "CANCEL=0", "NAME=0", "NAME=\"\"", "NAME=\"a b\"", "CAN=0", "CAN=8", "MOST=0",
        "MOST=65536", "NAME=\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
    ])
    func aTableThatBreaksTheContractIsRefused(definition: String) async throws {
        let file = try await BackendProducts.puppet(definition)
        let error = #expect(throws: BackendError.self) { try Backend.load(file) }
        #expect(error?.code == .badDescriptor)
    }

    @Test func aLibraryWithoutTheEntryIsRefused() async throws {
        let file = try await BackendProducts.puppet("NO_ENTRY")
        let error = #expect(throws: BackendError.self) { try Backend.load(file) }
        #expect(error?.code == .noEntry)
    }

    @Test func whatIsNoLibraryIsRefused() throws {
        let folder = try TemporaryFolder()
        for bytes in [[], Array("#!/bin/sh\n".utf8), [0x7f, 0x45, 0x4c, 0x46] + [UInt8](repeating: 7, count: 100)] {
            let file = try BackendFile.verify(path: folder.write("a.so", bytes), allowedDirectories: [folder.path])
            let error = #expect(throws: BackendError.self) { try Backend.load(file) }
            #expect(error?.code == .notLoadable)
            #expect(error?.cause != nil)
        }
    }

    @Test func aFileChangedAfterItWasVerifiedIsRefused() async throws {
        let file = try await BackendProducts.puppet()
        let handle = try #require(FileHandle(forWritingAtPath: file.path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([0]))
        try handle.close()
        let error = #expect(throws: BackendError.self) { try Backend.load(file) }
        #expect(error?.code == .digestMismatch)
    }

    @Test func permissionsLostAfterItWasVerifiedAreNoticed() async throws {
        let file = try await BackendProducts.puppet()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: file.path)
        let error = #expect(throws: BackendError.self) { try Backend.load(file) }
        #expect(error?.code == .notTrusted)
    }

    @Test func aBadConfigurationIsRefusedWithTheBackendsSentence() async throws {
        let backend = try Backend.load(await BackendProducts.puppet())
        let error = #expect(throws: BackendError.self) { try backend.makeInstance(configuration: [0x5b], slots: 1) }
        #expect(error?.code == .createFailed)
        #expect(error?.cause == "no settings")
        #expect(error?.errorClass == .invalidRequest)
        let silent = #expect(throws: BackendError.self) { try backend.makeInstance(configuration: [0x78], slots: 1) }
        #expect(silent?.cause == "it gave no reason")
        let none = try Backend.load(await BackendProducts.puppet("NO_INSTANCE"))
        let nothing = #expect(throws: BackendError.self) { try none.makeInstance(slots: 1) }
        #expect(nothing?.errorClass == .fatal)
    }

    @Test(arguments: [0, -1, 65_536]) func impossibleNumbersOfSlotsAreRefused(slots: Int) throws {
        let backend = try BackendProducts.load("mock")
        let error = #expect(throws: BackendError.self) { try backend.makeInstance(slots: slots) }
        #expect(error?.code == .limitExceeded)
    }

    @Test func aHugeConfigurationIsRefused() throws {
        let backend = try BackendProducts.load("mock")
        let error = #expect(throws: BackendError.self) {
            try backend.makeInstance(configuration: [UInt8](repeating: 0x20, count: (1 << 20) + 1), slots: 1)
        }
        #expect(error?.code == .limitExceeded)
    }
}
