package import BatchFile
package import Domain

/// Judges the lines of a batch file before they are queued.
package protocol LineGate: Sendable {
    /// What becomes of `line`.
    ///
    /// - Parameter isFirst: Whether no line before it waits to be queued meanwhile: then it may take its time.
    func judge(_ line: BatchLine, isFirst: Bool) async throws -> LineVerdict
}

/// What becomes of a line.
package enum LineVerdict: Sendable {
    /// It is queued, with this body; `pass` hears when it is.
    case admitted(body: [UInt8], pass: (any LinePass)?)
    /// It is not queued: this is its result.
    case refused(LineRefusal)
    /// Not now: the lines before it are queued without it. When there are none, loading stops here, and the same call goes
    /// on from here another time.
    case later
}

/// A line's place in the queue until the line is there; when it is forgotten before, the line is not queued after all.
package protocol LinePass: Sendable {
    /// The line is in the queue.
    func queued()
}

/// Why a line is not queued.
package struct LineRefusal: Sendable {
    package var errorClass: ErrorClass
    /// One sentence that says what to do.
    package var message: String
    /// What a single request would have been answered: JSON.
    package var body: [UInt8]

    package init(errorClass: ErrorClass, message: String, body: [UInt8]) {
        self.errorClass = errorClass
        self.message = message
        self.body = body
    }
}
