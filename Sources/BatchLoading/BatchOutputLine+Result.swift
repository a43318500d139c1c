package import BatchFile
import Domain
package import Queue

extension BatchOutputLine {
    /// What became of a request; nil: it has not ended.
    package init?(_ result: BatchResult) {
        guard let state = result.state else { return nil }
        let outcome: Outcome =
            if state == .succeeded, let body = result.body { .answered(body: body) } else {
                Self.failure(result, state)
            }
        self.init(id: "\(result.job)", customID: result.customID, outcome: outcome)
    }

    /// Whether it belongs into the output file; the others belong into the error file.
    package var isAnswer: Bool {
        if case .answered = outcome { true } else { false }
    }

    private static func failure(_ result: BatchResult, _ state: JobState) -> Outcome {
        let message = result.errorMessage ?? "The request was \(state.rawValue)."
        guard state == .failed, let errorClass = result.errorClass else {
            return .failed(
                code: state == .expired ? "batch_expired" : state == .cancelled ? "batch_cancelled" : state.rawValue,
                message: message, statusCode: nil)
        }
        // OpenAI's clients look for the code in `error`; a body without one tells them nothing.
        if let body = result.body, let code = errorCode(body) {
            return .refused(
                body: body, statusCode: code == Array("body_too_large".utf8) ? 413 : errorClass.statusCode)
        }
        return .failed(code: errorClass.rawValue, message: message, statusCode: errorClass.statusCode)
    }

    /// The code, as it is written, of the error object of `body`; empty without one, nil when there is no such object.
    private static func errorCode(_ body: [UInt8]) -> [UInt8]? {
        var scanner = JSONScanner(selecting: [["error"], ["error", "code"]])
        do throws(JSONScanError) { try scanner.scan(body.span) } catch { return nil }
        guard scanner.root == .object, scanner[0]?.kind == .object else { return nil }
        return scanner[1].flatMap { $0.kind == .string ? Array(body[$0.contents]) : nil } ?? []
    }
}

extension ErrorClass {
    /// The status a single request would have been answered with.
    var statusCode: Int {
        switch self {
        case .invalidRequest, .unsupported: 400
        case .auth: 401
        case .rateLimited: 429
        case .overloaded: 503
        case .timeout: 504
        case .retryable, .fatal, .workerLost, .crash: 500
        }
    }
}
