internal import BackendABI
internal import JSONText

/// What a backend wrote into a buffer it was lent.
struct LentText {
    /// The bytes that fit.
    let bytes: [UInt8]
    /// Whether the backend had more to say than fitted.
    let isCut: Bool

    init(_ buffer: sluice_buffer_lent) {
        let count = unsafe min(buffer.size, buffer.capacity)
        bytes = unsafe [UInt8](UnsafeBufferPointer(start: buffer.data, count: count))
        isCut = unsafe buffer.size > buffer.capacity
    }

    /// The text when it is a whole JSON object.
    var object: [UInt8]? {
        guard !isCut, unsafe bytes.withUnsafeBufferPointer({ unsafe JSONCursor.isOneObject($0) }) else { return nil }
        return bytes
    }

    /// The text as one line for people.
    var line: String {
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe boundedLine(sluice_bytes_borrowed(data: bytes.baseAddress, size: bytes.count))
        }
    }
}
