import Domain
import Postgres
import Queue

extension StoredFile {
    /// What a client uploads files for. There is one purpose more: `batch_output`, which is ours.
    static let purposes = ["assistants", "batch", "evals", "fine-tune", "user_data", "vision"]

    /// The file as OpenAI's clients know it.
    var document: JSONOutput {
        [
            "id": .string(PublicID.file.text(id)), "object": "file", "bytes": .integer(bytes),
            "created_at": .integer(createdAt.wholeUnixSeconds),
            "expires_at": expiresAt.map { .integer($0.wholeUnixSeconds) } ?? .null, "filename": .string(filename),
            "purpose": .string(purpose), "status": "processed", "status_details": nil,
        ]
    }
}
