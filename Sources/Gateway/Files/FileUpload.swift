import Hummingbird
import Logging
import Multipart
import Queue

/// Takes a form with a file in, on its way to the database: memory holds one piece of the file and what the connection has
/// buffered, some 1 MiB, whatever the size.
struct FileUpload {
    let queue: Queue
    let tenant: String
    let maximumBytes: Int64
    let logger: Logger

    /// Besides the file a form has room for this: the heads and fields of its parts.
    private static let overhead: Int64 = 1 << 20

    /// Stores the file of `request`.
    ///
    /// - Throws: `GatewayFailure` with status 400 or 413; then nothing of it is seen, and maintenance removes it.
    func receive(_ request: Request) async throws -> StoredFile {
        var reader: MultipartReader
        do throws(MultipartError) {
            reader = try MultipartReader(contentType: request.headers[.contentType] ?? "")
        } catch {
            throw GatewayFailure.invalid(error.description)
        }
        if let length = request.headers[.contentLength].flatMap({ Int64($0) }), length > maximumBytes + Self.overhead {
            throw tooLarge
        }
        var writer = try await FileWriter(queue, tenant: tenant)
        do {
            let description = try await read(request, &reader, &writer)
            return try await writer.complete(description)
        } catch {
            do { try await writer.abandon() } catch {
                logger.debug("An upload was left to maintenance.", metadata: ["error": "\(error)"])
            }
            throw error
        }
    }

    private func read(
        _ request: Request, _ reader: inout MultipartReader, _ writer: inout FileWriter
    ) async throws -> FileForm.Description {
        var form = FileForm()
        var isFile = false
        var received: Int64 = 0
        for try await buffer in request.body {
            received += Int64(buffer.readableBytes)
            guard received <= maximumBytes + Self.overhead else { throw tooLarge }
            reader.append(buffer.readableBytesView)
            while let event = try Self.next(&reader) {
                switch event {
                case .part(let part): isFile = try form.begin(part)
                case .content(let bytes) where isFile:
                    guard writer.bytes + Int64(bytes.count) <= maximumBytes else { throw tooLarge }
                    try await writer.append(bytes)
                case .content(let bytes): try form.append(bytes)
                case .endOfPart: break
                }
            }
        }
        do throws(MultipartError) { try reader.finish() } catch { throw GatewayFailure.invalid(error.description) }
        return try form.description()
    }

    private static func next(_ reader: inout MultipartReader) throws(GatewayFailure) -> MultipartReader.Event? {
        do throws(MultipartError) { return try reader.next() } catch { throw .invalid(error.description) }
    }

    private var tooLarge: GatewayFailure {
        GatewayFailure(
            status: .contentTooLarge, message: "A file has \(maximumBytes) bytes at most.",
            type: "invalid_request_error", code: "file_too_large", parameter: "file")
    }
}
