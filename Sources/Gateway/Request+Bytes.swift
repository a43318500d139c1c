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

// Constants: names that are not tokens would fail at the first request of the first test.
extension HTTPField.Name {
    // swift-format-ignore: NeverForceUnwrap
    static let idempotencyKey = Self("Idempotency-Key")!
    // swift-format-ignore: NeverForceUnwrap
    static let jobID = Self("X-Sluice-Job-Id")!
    // swift-format-ignore: NeverForceUnwrap
    static let servedBy = Self("X-Sluice-Served-By")!
    // swift-format-ignore: NeverForceUnwrap
    static let hedged = Self("X-Sluice-Hedged")!
    // swift-format-ignore: NeverForceUnwrap
    static let processingTime = Self("OpenAI-Processing-Ms")!
    // swift-format-ignore: NeverForceUnwrap
    static let accelBuffering = Self("X-Accel-Buffering")!
    // swift-format-ignore: NeverForceUnwrap
    static let lastEventID = Self("Last-Event-ID")!
    // swift-format-ignore: NeverForceUnwrap
    static let prefer = Self("Prefer")!
    // swift-format-ignore: NeverForceUnwrap
    static let preferenceApplied = Self("Preference-Applied")!
}
