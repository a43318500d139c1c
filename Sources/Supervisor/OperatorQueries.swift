import Logging
import Postgres
import Queue
import Synchronization
import Telemetry

/// The numbers that operators' queries return.
///
/// They are asked beside the looks, some at a time and on connections of their own: a query may take its time, and neither the
/// looks nor the other queries are to wait for it. Until it has answered, its last number stands.
final class OperatorQueries: Sendable {
    /// How often each is asked.
    private static let interval = Duration.seconds(5)
    /// An older number is none.
    private static let lifetime = Duration.seconds(30)

    private struct Question: Sendable, Hashable {
        var deployment: Int32
        var text: String
        var timeout: Duration
    }

    private struct Answer {
        let question: Question
        /// When it was asked last.
        var askedAt: ContinuousClock.Instant?
        var isAsked = false
        /// Nil: it failed, or returned nothing.
        var number: Double?
        var answeredAt: ContinuousClock.Instant?
        /// Why it failed the last time.
        var failure: String?

        /// The number, unless it is too old.
        func standing(at now: ContinuousClock.Instant) -> Double? {
            guard let number, let answeredAt, now - answeredAt < OperatorQueries.lifetime else { return nil }
            return number
        }
    }

    private let answers = Mutex<[Int32: Answer]>([:])
    private let questions: AsyncStream<Question>
    private let ask: AsyncStream<Question>.Continuation
    private let pool: Pool
    private let logger: Logger

    /// - Parameter limit: the most that are asked at a time.
    init(_ database: ConnectionConfiguration, limit: Int = 4, logger: Logger) {
        // Bounded: each question is asked once at a time.
        (questions, ask) = AsyncStream.makeStream(of: Question.self)
        // They wait as long as it takes: those before them end by their time-outs.
        pool = Pool(database, maximumConnections: limit, waitTimeout: .seconds(60), logger: logger)
        self.logger = logger
    }

    /// Asks until the task is cancelled. To be called once.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.pool.run() }
            for await question in questions { group.addTask { await self.answer(question) } }
            group.cancelAll()
        }
    }

    /// Has these queries asked, those whose turn it is, and returns the numbers there are.
    func numbers(
        of queries: [Int32: (text: String, timeout: Duration)], at now: ContinuousClock.Instant = .now
    ) -> [Int32: Double] {
        let (due, numbers) = answers.withLock { answers in
            var next: [Int32: Answer] = [:]
            var due: [Question] = []
            for (deployment, query) in queries.sorted(by: { $0.key < $1.key }) {
                let question = Question(deployment: deployment, text: query.text, timeout: query.timeout)
                let known = answers[deployment].flatMap { $0.question == question ? $0 : nil }
                var answer = known ?? Answer(question: question)
                if !answer.isAsked, answer.askedAt.map({ now - $0 >= Self.interval }) ?? true {
                    (answer.isAsked, answer.askedAt) = (true, now)
                    due.append(question)
                }
                next[deployment] = answer
            }
            answers = next
            return (due, next.compactMapValues { $0.standing(at: now) })
        }
        for question in due { ask.yield(question) }
        return numbers
    }

    private func answer(_ question: Question) async {
        var number: Double?
        var failure: String?
        do {
            number = try await pool.withConnection { connection in
                try await Queue.number(of: question.text, on: connection, timeout: question.timeout)
            }
        } catch {
            if Task.isCancelled { return }
            failure = "\(error)"
        }
        let isNews = answers.withLock { answers in
            // Another rule may have come meanwhile.
            guard var answer = answers[question.deployment], answer.question == question else { return false }
            let isNews = failure != nil && failure != answer.failure
            (answer.number, answer.failure) = (number, failure)
            (answer.answeredAt, answer.isAsked) = (.now, false)
            answers[question.deployment] = answer
            return isNews
        }
        guard isNews, let failure else { return }
        logger.warning(
            "An operator's query failed; the number of workers is held.",
            metadata: ["deployment.id": "\(question.deployment)", LogKey.error: "\(failure)"])
    }
}
