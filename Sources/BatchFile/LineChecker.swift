import Domain

/// The rules of the batch input format, line by line.
///
/// Pure: lines in, verdicts out.
struct LineChecker {
    /// A line that passed, as places in its text.
    struct Request {
        let customID: JSONMember
        let kind: JobKind
        /// Which of `models` it asks for.
        let model: Int
        let body: JSONMember
    }

    /// What is to be said of a line.
    enum Verdict {
        case blank
        case request(Request)
        case problem(BatchProblem)
    }

    /// The models named so far.
    private(set) var models: [String] = []
    /// How many lines named each of `models` and passed.
    private(set) var counts: [Int] = []
    /// What the file asks for: what its first line with a known `url` does.
    private(set) var kind: JobKind?

    private let limits: BatchLimits
    private var scanner: JSONScanner
    /// The line that set `kind`.
    private var kindLine = 0
    /// Hash of each `custom_id` and the line that has it.
    ///
    /// The hash has 64 bits and is keyed at random by the process, so that of 1,000,000 different ids two share one
    /// with a probability below 3 in 100,000,000: it is taken for the id. At 1,000,000 lines it takes some 40 MB.
    private var customIDs: [Int: Int32] = [:]
    private var modelNumbers: [String: Int] = [:]
    /// The model of the line before, undecoded: mostly the next line's too.
    private var lastModel: [UInt8] = []
    private var lastModelNumber = 0

    private static let paths = [
        ["custom_id"], ["method"], ["url"], ["body"], ["body", "model"], ["body", "messages"], ["body", "prompt"],
        ["body", "input"],
    ]

    init(_ limits: BatchLimits) {
        self.limits = limits
        scanner = JSONScanner(selecting: Self.paths, maximumDepth: limits.maximumDepth)
    }

    /// Whether a `custom_id` was seen by both.
    func sharesCustomID(with other: LineChecker) -> Bool { other.customIDs.keys.contains { customIDs[$0] != nil } }

    /// Judges line `number`, given without its line feed.
    mutating func check(_ text: Span<UInt8>, number: Int) -> Verdict {
        if Self.isBlank(text) { return .blank }
        var customID: String?
        func problem(_ code: BatchProblem.Code, _ message: String) -> Verdict {
            .problem(BatchProblem(line: number, code: code, message: message, customID: customID))
        }
        do throws(JSONScanError) { try scanner.scan(text) } catch {
            return problem(.invalidJSON, error.description)
        }
        guard scanner.root == .object else { return problem(.invalidJSON, "The line is not a JSON object.") }
        guard let id = scanner[0], id.kind == .string, !id.isEmpty else {
            return problem(.invalidCustomID, "`custom_id` has to be a string that is not empty.")
        }
        if let place = scanner.escapedNUL {
            return problem(
                .nulCharacter, "The character \\u0000 at byte \(place + 1) has to go: PostgreSQL cannot store it."
            )
        }
        guard
            id.contents.count <= limits.maximumCustomIDBytes
                || Self.decoded(text, id).count <= limits.maximumCustomIDBytes
        else {
            return problem(.invalidCustomID, "`custom_id` is longer than \(limits.maximumCustomIDBytes) bytes.")
        }
        func refuse(_ code: BatchProblem.Code, _ message: String) -> Verdict {
            customID = String(decoding: Self.decoded(text, id), as: UTF8.self)
            return problem(code, message)
        }
        let hash = Self.hash(text, id)
        if let line = customIDs.updateValue(Int32(clamping: number), forKey: hash) {
            customIDs[hash] = line
            return refuse(.duplicateCustomID, "`custom_id` is the same as on line \(line).")
        }
        guard let method = scanner[1], method.kind == .string, Self.equals(text, method, "POST") else {
            return refuse(.invalidMethod, "`method` has to be \"POST\".")
        }
        guard let url = scanner[2], url.kind == .string, let kind = kind(text, url) else {
            let known = JobKind.allCases.map { "\"\($0.path)\"" }.joined(separator: ", ")
            return refuse(.invalidURL, "`url` has to be one of \(known).")
        }
        if let first = self.kind {
            guard kind == first else {
                return refuse(
                    .mismatchedURL, "`url` is \"\(kind.path)\", but line \(kindLine) began with \"\(first.path)\"."
                )
            }
        } else {
            (self.kind, kindLine) = (kind, number)
        }
        guard let body = scanner[3], body.kind == .object else {
            return refuse(.invalidBody, "`body` has to be an object.")
        }
        guard let model = scanner[4], model.kind == .string, !model.isEmpty else {
            return refuse(.invalidModel, "`body.model` has to be a string that is not empty.")
        }
        guard
            model.contents.count <= limits.maximumModelBytes
                || Self.decoded(text, model).count <= limits.maximumModelBytes
        else {
            return refuse(.invalidModel, "`body.model` is longer than \(limits.maximumModelBytes) bytes.")
        }
        if let message = contentProblem(kind) { return refuse(.invalidBody, message) }
        guard let modelNumber = modelNumber(text, model) else {
            return refuse(.tooManyModels, "The file names more than \(limits.maximumModels) different models.")
        }
        counts[modelNumber] += 1
        return .request(Request(customID: id, kind: kind, model: modelNumber, body: body))
    }

    /// What is wrong with the part of the body the model is to work on.
    private func contentProblem(_ kind: JobKind) -> String? {
        switch kind {
        case .chat:
            if let messages = scanner[5], messages.kind == .array, !messages.isEmpty { return nil }
            return "`body.messages` has to be an array that is not empty."
        case .completion:
            if let prompt = scanner[6], Self.isTextOrList(prompt) { return nil }
            return "`body.prompt` has to be a string or an array that is not empty."
        case .embedding, .response:
            if let input = scanner[7], Self.isTextOrList(input) { return nil }
            return "`body.input` has to be a string or an array that is not empty."
        }
    }

    private static func isTextOrList(_ member: JSONMember) -> Bool {
        (member.kind == .string || member.kind == .array) && !member.isEmpty
    }

    /// The number of the model in `models`; nil when there are too many.
    private mutating func modelNumber(_ text: Span<UInt8>, _ model: JSONMember) -> Int? {
        if Self.bytes(text, model.contents, equal: lastModel.span), !lastModel.isEmpty { return lastModelNumber }
        let name = String(decoding: Self.decoded(text, model), as: UTF8.self)
        if let number = modelNumbers[name] {
            lastModelNumber = number
        } else {
            guard models.count < limits.maximumModels else { return nil }
            lastModelNumber = models.count
            modelNumbers[name] = lastModelNumber
            models.append(name)
            counts.append(0)
        }
        lastModel = text.extracting(model.contents).withUnsafeBufferPointer { Array($0) }
        return lastModelNumber
    }

    private func kind(_ text: Span<UInt8>, _ url: JSONMember) -> JobKind? {
        if let kind, Self.equals(text, url, kind.path) { return kind }
        return JobKind(path: String(decoding: Self.decoded(text, url), as: UTF8.self))
    }
}
