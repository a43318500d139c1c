internal import AsyncHTTPClient
internal import BackendKit
internal import Glibc
internal import JSONText
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// The upstream broke a stream off after pieces of it were passed on: it must not be asked again, with whatever key.
struct BrokenOff: Error {
    var failure: BackendFailure
}

/// One request to the upstream and its answer, read to the end.
struct Exchange: Sendable {
    let service: OpenAIService
    let request: BackendRequest
    let shaped: RequestShape.Shaped
    let stream: BackendStream
    let watch: CallWatch

    /// Asks with that key, nil for none.
    func run(key: Int?) async throws -> Answered {
        let response = try await service.upstream.send(
            shaped.body, to: service.configuration.url(for: request.kind), key: key,
            name: "sluice-\(request.head.job)-\(request.head.attempt)",
            isStreaming: request.isStreaming && request.kind != .embedding)
        watch.received()
        guard 200..<300 ~= response.status.code else { throw try await refusal(response) }
        let type = response.headers.first(name: "content-type")?.lowercased() ?? ""
        // As the answer comes, not as it was asked for: some servers stream always, some never.
        return type.hasPrefix("text/event-stream") ? try await streamed(response) : try await whole(response)
    }

    private func refusal(_ response: HTTPClientResponse) async throws -> BackendFailure {
        var body: [UInt8] = []
        do {
            for try await part in response.body {
                watch.received()
                body.append(contentsOf: part.readableBytesView)
                // What is longer is not passed on anyway.
                if body.count > FailureJudge.maximumBodyBytes { break }
            }
        } catch {
            // The status has come and says enough; but a cancelled task is done.
            try Task.checkCancellation()
            body = []
        }
        try Task.checkCancellation()
        return service.judge.failure(
            status: Int(response.status.code), body: body,
            retryAfter: RetryAfter.wait(in: response.headers, now: Self.now()),
            location: response.headers.first(name: "location"))
    }

    private func whole(_ response: HTTPClientResponse) async throws -> Answered {
        let limit = service.configuration.maximumAnswerBytes
        var body: [UInt8] = []
        if let length = response.headers.first(name: "content-length").flatMap(Int.init) {
            guard length <= limit else { throw Self.tooLong(limit) }
            body.reserveCapacity(length)
        }
        for try await part in response.body {
            watch.received()
            guard body.count + part.readableBytes <= limit else { throw Self.tooLong(limit) }
            body.append(contentsOf: part.readableBytesView)
        }
        try Task.checkCancellation()
        let count = body.count
        service.record.withLock { $0.received(bytes: count, chunks: 0) }
        guard let answer = JSONObjectEdit(body) else {
            throw BackendFailure(.retryable, "the upstream's answer is not a JSON object in UTF-8")
        }
        if let error = answer["error"], !error.elementsEqual("null".utf8), let found = UpstreamError(parsing: body) {
            throw service.judge.failure(inAnswer: found, body: StreamAssembly.errorObject(body))
        }
        return finished(answer, textBytes: nil)
    }

    private func streamed(_ response: HTTPClientResponse) async throws -> Answered {
        let configuration = service.configuration
        var parser = EventStreamParser(maximumBytes: configuration.maximumEventBytes)
        var assembly = StreamAssembly(kind: request.kind, hidesUsage: shaped.hidesUsage)
        var total = 0
        var passedOn = 0
        var isDone = false
        var parts = response.body.makeAsyncIterator()
        while !isDone, let part = try await parts.next() {
            watch.received()
            total += part.readableBytes
            guard total <= configuration.maximumAnswerBytes else {
                throw Self.tooLong(configuration.maximumAnswerBytes)
            }
            var chunks = 0
            do {
                try parser.consume(part.readableBytesView) { event in
                    guard !isDone else { return }
                    switch try assembly.take(event) {
                    case .chunk(let chunk):
                        stream(chunk)
                        chunks += 1
                    case .nothing: break
                    case .done: isDone = true
                    case .failed(let error, let body):
                        let failure = service.judge.failure(inAnswer: error, body: body)
                        if passedOn + chunks > 0 { throw BrokenOff(failure: failure) }
                        throw failure
                    }
                }
            } catch is EventStreamParser.TooLong {
                throw BackendFailure(
                    .retryable, "the upstream sent an event of more than \(configuration.maximumEventBytes) bytes")
            } catch is StreamAssembly.Malformed {
                throw BackendFailure(.retryable, "the upstream sent an event that is no part of such an answer")
            }
            let (bytes, sent) = (part.readableBytes, chunks)
            passedOn += sent
            service.record.withLock { $0.received(bytes: bytes, chunks: sent) }
        }
        try Task.checkCancellation()
        guard let answer = assembly.answer().flatMap(JSONObjectEdit.init) else {
            throw BackendFailure(.retryable, "the upstream's stream ended before its answer had")
        }
        let answered = finished(answer, textBytes: assembly.textBytes)
        guard isDone else { return answered }
        // What follows is nothing, by rights: it is read so that the connection can be used again.
        watch.answered(answered)
        var rest = 0
        do {
            while rest <= FailureJudge.maximumBodyBytes, let part = try await parts.next() {
                rest += part.readableBytes
            }
        } catch {
            // The answer is whole; that the connection broke behind it costs the connection alone.
            Host.log(.debug, "the connection broke behind the end of a stream: \(type(of: error))")
        }
        return answered
    }

    /// The answer with its usage, which is put in where there is none.
    private func finished(_ answer: JSONObjectEdit, textBytes: Int?) -> Answered {
        if let usage = AnswerUsage.counted(in: answer) {
            return Answered(body: answer.text, usage: usage)
        }
        var answer = answer
        let asked = JSONObjectEdit(request.body)
        let bytes = textBytes ?? AnswerUsage.textBytes(in: answer.text)
        let usage =
            asked.map { AnswerUsage.estimated(request: $0, kind: request.kind, textBytes: bytes) }
            ?? AnswerUsage(prompt: 0, completion: 0, isEstimated: true)
        answer.set("usage", to: usage.json(kind: request.kind))
        return Answered(body: answer.result(), usage: usage)
    }

    private static func tooLong(_ limit: Int) -> BackendFailure {
        BackendFailure(.retryable, "the upstream's answer is longer than \(limit) bytes, the configured bound")
    }

    /// Seconds since 1970, for dates in headers.
    private static func now() -> Double { Double(time(nil)) }
}
