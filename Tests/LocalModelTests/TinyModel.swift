import BackendHost
import Domain
import Foundation
import JSONText
import Testing

@testable import LocalModel

/// The model of the tests, served by the backend as the build made it.
enum TinyModel {
    /// Whether libllama was there when this was built; without it only what needs no model is tested.
    static let isThere = LlamaLibrary.isBuilt

    /// Where libllama was built.
    static let built = LlamaLibrary.builtDirectory

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Models/tiny").path
    static let path = folder + "/tiny-f16.gguf"

    static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().path

    /// The backend, loaded as a worker does it.
    static func backend() throws -> Backend {
        let path = try BackendFile.locate("local", in: [products])
        return try Backend.load(BackendFile.verify(path: path, allowedDirectories: [products]))
    }

    /// An instance with the tiny model and these further settings: `,"key":value`.
    static func instance(_ settings: String = "", slots: Int = 8) throws -> BackendInstance {
        try backend().makeInstance(configuration: Array(#"{"model":"\#(path)"\#(settings)}"#.utf8), slots: slots)
    }

    /// The model itself, for its vocabulary.
    static let model: LlamaModel = {
        do {
            try LlamaLibrary.load(from: nil)
            return try LlamaModel(path: path, gpuLayers: 0, usesMmap: true, usesMlock: false)
        } catch {
            preconditionFailure("the tiny model cannot be loaded: \(error)")
        }
    }()

    /// A chat about one question, without chance.
    static func question(_ text: String, _ more: String = "", streaming: Bool = false) -> BackendCall {
        call(
            #"{"messages":[{"role":"user","content":\#(quoted(text))}],"temperature":0\#(more)}"#, streaming: streaming)
    }

    static func call(_ body: String, _ kind: JobKind = .chat, streaming: Bool = false) -> BackendCall {
        BackendCall(job: 1, attempt: 1, kind: kind, body: Array(body.utf8), isStreaming: streaming)
    }

    static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.appendJSON(.string(text))
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An answer as Foundation reads it, which knows nothing of our own reader.
struct Answer {
    let object: [String: Any]

    init(_ outcome: BackendOutcome, sourceLocation: SourceLocation = #_sourceLocation) throws {
        guard case .succeeded(let body, _) = outcome else {
            Issue.record("\(outcome)", sourceLocation: sourceLocation)
            throw NoAnswer()
        }
        object = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }

    struct NoAnswer: Error {}

    var choices: [[String: Any]] { object["choices"] as? [[String: Any]] ?? [] }
    var texts: [String] {
        choices.map { ($0["message"] as? [String: Any])?["content"] as? String ?? $0["text"] as? String ?? "" }
    }
    var text: String { texts.first ?? "" }
    var finish: String { choices.first?["finish_reason"] as? String ?? "" }
    var usage: [String: Any] { object["usage"] as? [String: Any] ?? [:] }
    var reused: Int { (usage["prompt_tokens_details"] as? [String: Int])?["cached_tokens"] ?? 0 }
}

/// The class and message of a refusal.
func refusal(_ outcome: BackendOutcome) -> (errorClass: ErrorClass, message: String)? {
    guard case .failed(let errorClass, let message, _, _) = outcome else { return nil }
    return (errorClass, message)
}
