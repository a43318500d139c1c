import Postgres
import Queue
import Testing

@testable import Worker

struct EndsTests {
    @Test(arguments: [
        ([], 0), ([0], 1), ([64], 1), ([64, 64], 1), ([1, 64], 1), ([16, 16, 16], 2), ([16, 16, 0], 3), ([33, 0], 1),
    ])
    func `one call takes so many bytes, and always one end`(mebibytes: [Int], count: Int) {
        let ends = mebibytes.enumerated().map { index, size in
            AttemptResult.ended(Int64(index), body: [UInt8](repeating: 0x20, count: size << 20))
        }
        #expect(WorkLoop.portion(of: ends) == count)
    }

    @Test func `one call takes so many ends`() {
        #expect(WorkLoop.portion(of: (0..<600).map { .ended($0) }) == 500)
        #expect(WorkLoop.portion(of: (0..<500).map { .ended($0) }) == 500)
    }

    @Test(arguments: [
        ("22P05", true), ("23514", true), ("54000", true), ("XX000", true), ("P0001", true), ("21000", true),
        ("08006", false), ("25006", false), ("28000", false), ("3F000", false), ("40001", false), ("40P01", false),
        ("42501", false), ("42883", false), ("53100", false), ("53200", false), ("55P03", false), ("57014", false),
        ("57P01", false), ("58030", false), ("SL010", false),
    ])
    func `a refusal is of what was sent, or of the moment`(state: String, isOfContent: Bool) {
        let error = QueueError(PostgresError(.server, "The statement failed.", sqlState: state))
        #expect(error.refusesContent == isOfContent)
    }

    @Test(arguments: [PostgresError.Code.connectionLost, .timedOut, .cancelled, .tooManyPending])
    func `what the server did not say is no refusal`(code: PostgresError.Code) {
        #expect(!QueueError(PostgresError(code, "It failed.")).refusesContent)
    }
}
