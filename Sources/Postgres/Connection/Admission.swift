internal import DequeModule

/// Decides which call of a connection may be sent next.
///
/// Calls are sent in the order they came, at most `window` at once. A scope (a transaction, a COPY) is a stretch of time
/// in which only its own calls are sent; scopes nest, and the innermost has the connection. Scope 0 is everybody.
struct Admission<Call> {
    typealias Scope = UInt64

    /// What becomes of a call that has just come.
    enum Verdict: Equatable {
        /// It is sent now.
        case start
        /// It was put in line.
        case wait
        /// The line is full.
        case refuse
        /// Its scope is over.
        case outOfScope
    }

    private struct Frame {
        let scope: Scope
        var line: Deque<Call> = []
    }

    let window: Int
    let maximumWaiting: Int
    private(set) var inFlight = 0
    private(set) var waiting = 0
    private var frames: [Frame] = [Frame(scope: 0)]
    private var lastScope: Scope = 0

    init(window: Int, maximumWaiting: Int) {
        self.window = max(1, window)
        self.maximumWaiting = max(0, maximumWaiting)
    }

    /// How many scopes are open.
    var depth: Int { frames.count - 1 }

    /// A call arrived for `scope`.
    ///
    /// `isOpen` says whether anything can be sent now at all.
    mutating func arrived(_ call: Call, in scope: Scope, isOpen: Bool) -> Verdict {
        guard let index = frames.lastIndex(where: { $0.scope == scope }) else { return .outOfScope }
        if isOpen, inFlight < window, index == frames.count - 1, frames[index].line.isEmpty {
            inFlight += 1
            return .start
        }
        guard waiting < maximumWaiting else { return .refuse }
        waiting += 1
        frames[index].line.append(call)
        return .wait
    }

    /// The call at the head of the line, to be sent now, unless `isReady` says that it cannot be yet.
    mutating func next(_ isReady: (Call) -> Bool) -> Call? {
        let top = frames.count - 1
        guard inFlight < window, let head = frames[top].line.first, isReady(head) else { return nil }
        frames[top].line.removeFirst()
        waiting -= 1
        inFlight += 1
        return head
    }

    /// A call of the connection's own was started, past every line.
    mutating func startedInternally() { inFlight += 1 }

    /// A started call is over.
    mutating func finished() { inFlight -= 1 }

    /// Calls that were started have to be sent again: they go back to the head of their line.
    mutating func returned(_ call: Call) {
        inFlight -= 1
        waiting += 1
        frames[frames.count - 1].line.prepend(call)
    }

    /// Opens a scope inside the innermost one.
    mutating func opened() -> Scope {
        lastScope += 1
        frames.append(Frame(scope: lastScope))
        return lastScope
    }

    /// Closes `scope` and those inside it.
    ///
    /// The calls that still waited in them can never be sent.
    mutating func closed(_ scope: Scope) -> [Call] {
        guard scope != 0, let index = frames.firstIndex(where: { $0.scope == scope }) else { return [] }
        let orphans = frames[index...].flatMap(\.line)
        frames.removeSubrange(index...)
        waiting -= orphans.count
        return orphans
    }

    /// Empties every line.
    mutating func removeAll() -> [Call] {
        let all = frames.flatMap(\.line)
        frames = [Frame(scope: 0)]
        (inFlight, waiting) = (0, 0)
        return all
    }
}
