import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import Queue

/// `/v1/files`: upload, list, look, read, delete.
struct FileRoutes: Sendable {
    let queue: Queue
    let settings: GatewaySettings

    func add(to router: some RouterMethods<GatewayContext>) {
        let files = router.group("/v1/files")
        files.post { request, context in
            let upload = FileUpload(
                queue: self.queue, tenant: try context.tenant(), maximumBytes: self.settings.maximumFileBytes,
                logger: context.logger)
            return Response(try await upload.receive(request).document)
        }
        files.get { request, context in try await self.list(request, context) }
        files.get("{id}") { _, context in Response(try await self.owned(context).document) }
        files.get("{id}/content") { _, context in self.content(try await self.owned(context)) }
        files.delete("{id}") { _, context in
            let file = try await self.owned(context)
            _ = try await self.queue.deleteFile(file.id, of: try context.tenant())
            return Response(["id": .string(PublicID.file.text(file.id)), "object": "file", "deleted": true])
        }
    }

    private func list(_ request: Request, _ context: GatewayContext) async throws -> Response {
        let page = try ListPage(request, of: .file, upTo: 10_000, otherwise: 10_000)
        let files = try await queue.files(
            of: try context.tenant(), purpose: request.uri.queryParameters["purpose"].map(String.init),
            after: page.after, ascending: page.isAscending, limit: Int32(page.limit + 1))
        return Response(page.document(files, id: { PublicID.file.text($0.id) }, \.document))
    }

    /// The file's bytes, a piece at a time as the client takes them.
    private func content(_ file: StoredFile) -> Response {
        let body = ResponseBody(contentLength: Int(file.bytes)) { writer in
            for ordinal in 0..<file.pieces {
                guard let piece = try await queue.piece(ordinal, of: file.id) else {
                    throw GatewayFailure.notFound("file \(PublicID.file.text(file.id)) any more")
                }
                try await writer.write(ByteBuffer(bytes: piece))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/octet-stream"], body: body)
    }

    /// The file the path names, if it is the caller's.
    private func owned(_ context: GatewayContext) async throws -> StoredFile {
        let text = context.parameters.get("id") ?? ""
        guard let id = PublicID.file.number(of: text), let file = try await queue.file(id, of: try context.tenant())
        else { throw GatewayFailure.notFound("file \(text.prefix(64))") }
        return file
    }
}
