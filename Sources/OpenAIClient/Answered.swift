/// An answer as it goes to the host.
struct Answered: Sendable {
    var body: [UInt8]
    var usage: AnswerUsage
}
