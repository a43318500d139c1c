import Domain
import Fleet
import Lifeline
import Logging
import Postgres
import Queue
import Synchronization

extension WorkLoop {
    /// How long after a look that found nothing the next one follows. A notification sent between the announcement that we
    /// wait and the commit of what it is about would be missed otherwise.
    private static let secondLook = Duration.milliseconds(25)

    /// Claims whenever there is room, until the worker drains.
    func claimJobs() async throws {
        var emptyLooks = 0
        while !Task.isCancelled {
            let (limit, range, waiting, phase, claimsSuspect) = state.withLock { state in
                let waiting = state.machine.shouldWait
                return (
                    state.machine.beginClaim(), state.floors.forClaim(at: now), waiting, state.machine.phase,
                    state.machine.beginSuspectClaim()
                )
            }
            if phase == .draining {
                // Whoever waits for the worker to be idle waits for its last claim, too.
                endSignal.raise()
                return
            }
            if claimsSuspect {
                try await claimSuspect()
            } else if let limit {
                let (count, rest) = try await claim(limit, range, waiting: waiting)
                if let rest {
                    // At its limits: an end of its own, or one of its fellows', makes room sooner.
                    await claimSignal.wait(atMost: rest)
                    continue
                }
                // A look at part of the queue says nothing of the rest.
                if count < limit && range.ceilings != nil { continue }
                emptyLooks = count == 0 ? emptyLooks + 1 : 0
                // Whoever queues more from here on will tell. Looking again at once would only hold up the ends of what was
                // found, which take the same connection.
                if count < limit && waiting {
                    let pause = emptyLooks <= 2 ? Self.secondLook : settings.pollInterval * Double.random(in: 0.8...1.2)
                    state.withLock { $0.machine.waitsForWork = true }
                    await claimSignal.wait(atMost: pause)
                    state.withLock { $0.machine.waitsForWork = false }
                }
            } else {
                await claimSignal.wait()
                emptyLooks = 0
            }
        }
    }

    /// Claims up to `limit` jobs and hands them to the lanes. Returns how many it got, and how long the limits of the
    /// deployment allow no more, if they do not.
    private func claim(_ limit: Int, _ range: ClaimRange, waiting: Bool) async throws -> (Int, rest: Duration?) {
        let began = now
        do {
            let claim = try await queue.claim(
                worker: registration.worker, limit: limit, range: range,
                waiting: waiting ? settings.pollInterval * 2 : .zero)
            let returned = now
            await learnTenants(of: claim.jobs)
            let renumbered = state.withLock { state in
                state.floors.claimReturned(
                    range, keys: claim.largestKeys, reachedEnd: claim.jobs.count < limit && claim.rest == nil,
                    emptyFloors: claim.emptyFloors,
                    share: claim.share, began: began, now: returned)
                let renumbered = state.machine.claimReturned(
                    claim.jobs, asked: limit, latency: returned - began, at: returned)
                if state.machine.phase == .draining {
                    // It was told to drain while the claim was under way.
                    giveBack(state.machine.drainRequested(), &state)
                }
                return renumbered
            }
            if !renumbered.isEmpty { chunks.withLock { for job in renumbered { $0.cut(job) } } }
            wakeLanes(claim.jobs.count)
            endSignal.raise()
            return (claim.jobs.count, claim.rest)
        } catch {
            state.withLock { $0.machine.claimFailed() }
            guard error.code == .unavailable else {
                if error.code == .workerDead { throw WorkerEnd(.declaredDead, "\(error)") }
                logger.error("A claim failed.", metadata: ["error": "\(error)"])
                await claimSignal.wait(atMost: .seconds(1))
                return (0, nil)
            }
            if error.cause?.code == .server {
                // It was refused, so nothing was claimed: the disk is full, say.
                logger.warning("A claim was refused.", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .seconds(1) * Double.random(in: 0.5...1))
            } else {
                // It may have committed without our hearing of it: the next connection asks.
                link.doubted()
                await link.whenRestored()
            }
            return (0, nil)
        }
    }

    private func claimSuspect() async throws {
        do {
            let job = try await queue.claimSuspect(worker: registration.worker)
            if let job { await learnTenants(of: [job]) }
            let isDraining = state.withLock { state in
                state.machine.suspectClaimed(job, at: now)
                if state.machine.phase == .draining { giveBack(state.machine.drainRequested(), &state) }
                return state.machine.phase == .draining
            }
            if isDraining {
                endSignal.raise()
            } else if let job {
                logger.notice("Running a suspect alone.", metadata: ["job": "\(job.id)", "crashes": "\(job.crashes)"])
                wakeLanes(1)
                await claimSignal.wait()
            }
        } catch {
            state.withLock { $0.machine.claimFailed() }
            logger.warning("Looking for suspects failed.", metadata: ["error": "\(error)"])
            link.doubted()
            await link.whenRestored()
        }
    }
}
