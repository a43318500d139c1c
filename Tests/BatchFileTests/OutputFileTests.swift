import BatchFile
import Domain
import Foundation
import Testing

@Suite struct OutputFileTests {
    private func write(_ text: String, to path: String, finishing: Bool = true) throws(BatchFileError) {
        var file = try OutputFile(path: path)
        try file.append(Array(text.utf8))
        if finishing { try file.finish() }
    }

    @Test func appearsAsAWhole() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/out.jsonl"
        var file = try OutputFile(path: path)
        for _ in 0..<1_000 { try file.append(Array(repeating: UInt8(ascii: "x"), count: 1_000)) }
        #expect(try folder.names.count == 1)
        #expect(try folder.names.first?.hasSuffix(".partial") == true)
        try file.finish()
        try file.finish()
        #expect(try folder.names == ["out.jsonl"])
        #expect(try folder.read("out.jsonl").utf8.count == 1_000_000 && file.bytesWritten == 1_000_000)
    }

    @Test func leavesTheTargetAloneUntilItIsFinished() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("before".utf8, to: "out")
        try write("after", to: path, finishing: false)
        #expect(try folder.read("out") == "before")
        #expect(try folder.names == ["out"])
        try write("after", to: path)
        #expect(try folder.read("out") == "after")
    }

    @Test func followsLinksAndKeepsPermissions() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("before".utf8, to: "real")
        #expect(chmod(path, 0o600) == 0)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: path)
        try write("after", to: folder.path + "/link")
        #expect(try folder.read("real") == "after")
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        #expect(
            try FileManager.default.attributesOfItem(atPath: folder.path + "/link")[.type] as? FileAttributeType
                == .typeSymbolicLink)
    }

    @Test func writesDevicesDirectly() throws {
        try write("gone", to: "/dev/null")
        #expect(
            try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
                == .typeCharacterSpecial)
    }

    @Test func saysThatTheDiskIsFull() {
        #expect { try write("x", to: "/dev/full") } throws: {
            ($0 as? BatchFileError)?.description == "The disk is full: /dev/full could not be written."
        }
    }

    @Test func saysThatItCannotBeCreated() {
        #expect { try write("x", to: "/nonexistent/out") } throws: { ($0 as? BatchFileError)?.code == .cannotCreate }
    }
}

@Suite struct BatchOutputLineTests {
    private func line(_ result: BatchOutputLine) -> String {
        var text: [UInt8] = []
        result.append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    @Test func writesAnAnswer() {
        let result = BatchOutputLine(id: "12", customID: "a\"b", outcome: .answered(body: Array("{\"x\":\r\n 1}".utf8)))
        #expect(
            line(result)
                == #"{"id": "batch_req_12", "custom_id": "a\"b", "response": {"status_code": 200, "request_id": "req_12", "body": {"x":   1}}, "error": null}"#
                + "\n"
        )
    }

    @Test func writesAnErrorOfTheRequest() {
        let result = BatchOutputLine(
            id: "1", customID: "a", outcome: .failed(code: "rate_limited", message: "Later.", statusCode: 429))
        #expect(
            line(result)
                == #"{"id": "batch_req_1", "custom_id": "a", "response": {"status_code": 429, "request_id": "req_1", "body": {"error": {"code": "rate_limited", "message": "Later."}}}, "error": null}"#
                + "\n"
        )
    }

    @Test func writesAnErrorOfTheBatch() {
        let result = BatchOutputLine(
            id: "1", customID: nil,
            outcome: .failed(code: "invalid_json_line", message: "Line 3.\nBad.", statusCode: nil))
        #expect(
            line(result)
                == #"{"id": "batch_req_1", "custom_id": null, "response": null, "error": {"code": "invalid_json_line", "message": "Line 3.\nBad."}}"#
                + "\n"
        )
    }

    @Test(arguments: ["", "garbage\n", "{\"a\":", "\u{1}"])
    func garbageStaysOneReadableLine(body: String) throws {
        let text = line(BatchOutputLine(id: "1", customID: "a", outcome: .answered(body: Array(body.utf8))))
        #expect(text.utf8.count { $0 == 0x0A } == 1)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect((object?["response"] as? [String: Any])?["body"] as? String == body)
    }
}
