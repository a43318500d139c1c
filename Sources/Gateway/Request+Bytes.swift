import HTTPTypes
import Hummingbird

extension Request {
    /// The whole body.
    ///
    /// - Throws: `GatewayFailure` with status 413 when it is larger than `maximum`.
    func bytes(upTo maximum: Int) async throws -> [UInt8] {
        if let length = headers[.contentLength].flatMap(Int.init), length > maximum { throw GatewayFailure.tooLarge }
        var bytes: [UInt8] = []
        for try await piece in body {
            guard bytes.count + piece.readableBytes <= maximum else { throw GatewayFailure.tooLarge }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }
}

extension HTTPField.Name {
    static let idempotencyKey = Self("Idempotency-Key")!
    static let jobID = Self("X-Sluice-Job-Id")!
    static let processingTime = Self("OpenAI-Processing-Ms")!
    static let accelBuffering = Self("X-Accel-Buffering")!
    static let lastEventID = Self("Last-Event-ID")!
    static let prefer = Self("Prefer")!
}
