import Fleet
import Lifeline
import Synchronization

/// Which worker each child is, by what it wrote on its slot board.
final class WorkerRoll: Sendable {
    /// 0 for a child that has not registered yet.
    private let children = Mutex<[SupervisorMachine.Child: Int64]>([:])
    private let directory: RunDirectory

    /// A roll of the children whose boards are in `directory`.
    init(_ directory: RunDirectory) { self.directory = directory }

    /// `child` is a process from now on.
    func started(_ child: SupervisorMachine.Child) { children.withLock { $0[child] = 0 } }

    /// `child` is no more.
    func ended(_ child: SupervisorMachine.Child) { _ = children.withLock { $0.removeValue(forKey: child) } }

    /// The children that have registered, by their ids in the database.
    var workers: [Int64: SupervisorMachine.Child] {
        for child in children.withLock({ $0.filter { $0.value == 0 }.map(\.key) }) {
            guard let worker = worker(of: child) else { continue }
            children.withLock { if $0[child] != nil { $0[child] = worker } }
        }
        return Dictionary(children.withLock { $0.filter { $0.value != 0 }.map { ($0.value, $0.key) } }) { $1 }
    }

    private func worker(of child: SupervisorMachine.Child) -> Int64? {
        do {
            let board = try SlotBoard.read(path: directory.board(of: child))
            return board.flatMap { $0.worker == 0 ? nil : $0.worker }
        } catch {
            // It is reaped all the same, and ends when it hears of it; `EndReporter` says what is wrong with the file.
            return nil
        }
    }
}
