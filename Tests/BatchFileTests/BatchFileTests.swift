import BatchFile
import Foundation
import SystemPackage
import Testing

@Suite struct BatchFileTests {
    private func failure(_ path: String, _ limits: BatchLimits = BatchLimits()) -> BatchFileError? {
        do throws(BatchFileError) {
            _ = try BatchFile(path: path, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func namesWhatCannotBeOpened() throws {
        let folder = try TemporaryFolder()
        #expect(failure(folder.path + "/none")?.code == .notFound)
        #expect(failure(folder.path)?.code == .isDirectory)
        #expect(failure(folder.path)?.description == "\(folder.path) is a folder, not a file.")
        var limits = BatchLimits()
        limits.maximumBytes = 2
        #expect(failure(try folder.write("abc".utf8), limits)?.code == .tooLarge)
    }

    @Test func readsAPipeAsOftenAsWanted() throws {
        let folder = try TemporaryFolder()
        let line = #"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"x"}}"#
        let ends = try FileDescriptor.pipe()
        try ends.writeEnd.writeAll(Array((line + "\n").utf8))
        try ends.writeEnd.close()
        let file = try BatchFile(path: "/proc/self/fd/\(ends.readEnd.rawValue)", storingIn: folder.path)
        try ends.readEnd.close()
        #expect(try folder.names.isEmpty)
        #expect(file.size == Int64(line.utf8.count + 1))
        #expect(try file.validate().lines == 1)
        #expect(try file.validate().lines == 1)
    }

    @Test func aPipeMayBeTooLarge() throws {
        var limits = BatchLimits()
        limits.maximumBytes = 10
        let ends = try FileDescriptor.pipe()
        try ends.writeEnd.writeAll(Array("more than ten bytes".utf8))
        try ends.writeEnd.close()
        #expect(failure("/proc/self/fd/\(ends.readEnd.rawValue)", limits)?.code == .tooLarge)
        try ends.readEnd.close()
    }

    @Test func aFileThatIsCutOffWhileItIsReadEndsThere() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Array(repeating: UInt8(ascii: "\n"), count: 3 << 20))
        let file = try BatchFile(path: path)
        #expect(truncate(path, 0) == 0)
        #expect(try file.validate().bytes == 0)
    }
}
