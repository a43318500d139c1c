/// What the pipeline cannot carry: scripts of many statements, and COPY.
extension ConnectionCore {
    /// How much data a COPY holds in memory in either direction.
    static let copyChunk = 65_536

    func startSimple(_ request: Request, _ sql: String) {
        guard let libpq else { return }
        simple = request
        request.startedAt = loop.now
        guard libpq.exitPipeline(), libpq.sendSimple(sql) else {
            lose(libpq.errorMessage)
            return
        }
        markDirty()
    }

    /// Takes what has arrived for the simple request.
    ///
    /// False when nothing more can be taken now.
    func takeSimpleReply() -> Bool {
        guard let libpq, let request = simple else { return false }
        if let copy = request.copy {
            switch copy.phase {
            case .writing: return false
            case .reading: return readCopy(copy)
            case .discarding: return discardCopy(copy)
            case .starting, .ending: break
            }
        }
        guard !libpq.isBusy else { return false }
        switch libpq.nextReply(for: nil) {
        case .none: finishSimple(request)
        case .done(let result): request.rows = result
        case .failed(let error): request.error = request.error ?? request.name.map(error.named) ?? error
        case .sync, .skipped: break
        case .copyIn: beganCopyIn(request)
        case .copyOut: return beganCopyOut(request)
        }
        return true
    }

    private func beganCopyIn(_ request: Request) {
        if case .copyIn = request.work, let copy = request.copy, copy.phase == .starting {
            copy.phase = .writing
            request.graceTimer.map(loop.cancelTimer)
            request.resume(.success(.ready))
            return
        }
        let what = "COPY FROM STDIN where no data can be given"
        request.error = request.error ?? PostgresError(.notSupported, what, queryName: request.name)
        if libpq?.putCopyEnd(what) == nil { lose(libpq?.errorMessage) } else { markDirty() }
    }

    private func beganCopyOut(_ request: Request) -> Bool {
        if case .copyOut = request.work, let copy = request.copy, copy.phase == .starting {
            copy.phase = .reading
            request.graceTimer.map(loop.cancelTimer)
            request.resume(.success(.ready))
            return readCopy(copy)
        }
        let what = "COPY TO STDOUT where no data can be taken"
        request.error = request.error ?? PostgresError(.notSupported, what, queryName: request.name)
        var dropped: [UInt8] = []
        while let libpq {
            switch libpq.takeCopyData(into: &dropped) {
            case .appended: dropped.removeAll(keepingCapacity: true)
            // The rest would have to be awaited; this is a mistake in a script, so the connection may end with it.
            case .notYet:
                lose(what)
                return false
            case .ended: return true
            }
        }
        return false
    }

    private func finishSimple(_ request: Request) {
        guard let libpq else { return }
        // A script that leaves a transaction open, or broken, must not hand it to whoever comes next.
        if admission.depth == 0, libpq.isInTransaction, !request.isCleaningUp {
            request.isCleaningUp = true
            if request.error == nil {
                request.error = PostgresError(
                    .notSupported,
                    "it left a transaction open, which was rolled back",
                    queryName: request.name
                )
            }
            if libpq.sendSimple("ROLLBACK") { markDirty() } else { lose(libpq.errorMessage) }
            return
        }
        simple = nil
        admission.finished()
        request.graceTimer.map(loop.cancelTimer)
        guard libpq.enterPipeline() else {
            lose(libpq.errorMessage, alsoFailing: request)
            return
        }
        if isReadingPaused {
            isReadingPaused = false
            updateInterest()
        }
        if let error = request.error {
            let isTorn = request.copy?.isTorn ?? false
            let explained =
                isTorn
                ? PostgresError(.copyAborted, "its data was not complete", queryName: request.name, underlying: error)
                : explained(error, of: request)
            request.resume(.failure(explained))
            request.copy?.ended(.failure(explained))
        } else {
            request.resume(.success(.ready))
            request.copy?.ended(.success(request.rows?.affectedRows ?? 0))
        }
        pump()
    }

    // MARK: COPY in

    /// The writer of `request` hands over `bytes` and waits until they are gone, or nearly.
    func write(
        _ request: Request, _ bytes: ArraySlice<UInt8>, _ continuation: UnsafeContinuation<PostgresError?, Never>
    ) {
        guard let copy = request.copy, copy.phase == .writing, copy.outcome == nil, !copy.isTorn else {
            unsafe continuation.resume(returning: copyError(request))
            return
        }
        copy.unsent = bytes
        unsafe copy.writer = continuation
        continueCopy()
    }

    /// Stops waiting for room: the writer's task was cancelled.
    func abandonWrite(_ request: Request) {
        guard let copy = request.copy, unsafe copy.writer != nil else { return }
        copy.isTorn = true
        copy.resumeWriter(Self.cancelled(request))
    }

    /// Goes on with what a COPY could not write before.
    func continueCopy() {
        guard let request = simple, let copy = request.copy else { return }
        if unsafe copy.writer != nil {
            while !isBlocked, !copy.unsent.isEmpty {
                guard let libpq else { return }
                let piece = copy.unsent.prefix(Self.copyChunk)
                switch libpq.putCopyData(piece) {
                case true: copy.unsent = copy.unsent.dropFirst(piece.count)
                case false: break
                case nil:
                    lose(libpq.errorMessage)
                    return
                }
                flush()
            }
            if !isBlocked { copy.resumeWriter(nil) }
        }
        if let end = copy.unsentEnd, !isBlocked {
            copy.unsentEnd = nil
            queueEnd(copy, end.reason)
        }
    }

    /// Ends the data of a COPY, or abandons it with `reason`.
    func endWriting(
        _ request: Request,
        _ reason: String?,
        _ continuation: UnsafeContinuation<CopyState.EndOutcome, Never>
    ) {
        guard let copy = request.copy, copy.phase == .writing, copy.outcome == nil, request === simple else {
            unsafe continuation.resume(returning: request.copy?.outcome ?? .failure(copyError(request)))
            return
        }
        unsafe copy.ender = continuation
        let reason = copy.isTorn ? reason ?? "its data is incomplete" : reason
        if isBlocked { copy.unsentEnd = (reason, ()) } else { queueEnd(copy, reason) }
    }

    private func queueEnd(_ copy: CopyState, _ reason: String?) {
        guard let libpq else { return }
        switch libpq.putCopyEnd(reason) {
        case true:
            copy.phase = .ending
            markDirty()
        case false:
            copy.unsentEnd = (reason, ())
            isBlocked = true
            updateInterest()
        case nil: lose(libpq.errorMessage)
        }
    }

    // MARK: COPY out

    /// The reader of `request` wants the next piece of its data; nil is the end.
    func read(_ request: Request, _ continuation: UnsafeContinuation<CopyState.ChunkOutcome, Never>) {
        guard let copy = request.copy else { return }
        unsafe copy.reader = continuation
        if let outcome = copy.outcome {
            copy.resumeReader(outcome.map { _ in nil })
            return
        }
        takeReplies()
        if libpq?.status == .failed { lose(libpq?.errorMessage) }
    }

    /// The reader wants no more: the server is stopped and the rest thrown away.
    func endReading(_ request: Request, _ continuation: UnsafeContinuation<CopyState.EndOutcome, Never>) {
        guard let copy = request.copy, copy.outcome == nil, request === simple else {
            unsafe continuation.resume(returning: request.copy?.outcome ?? .failure(copyError(request)))
            return
        }
        unsafe copy.ender = continuation
        if copy.phase == .reading { copy.phase = .discarding }
        isReadingPaused = false
        updateInterest()
        stopRunning()
        takeReplies()
    }

    /// Stops waiting for data: the reader's task was cancelled.
    func abandonRead(_ request: Request) {
        request.copy?.resumeReader(.failure(Self.cancelled(request)))
    }

    private func readCopy(_ copy: CopyState) -> Bool {
        guard let libpq else { return false }
        // Nobody asks: the server has to wait, not our memory to grow.
        guard unsafe copy.reader != nil else {
            pauseReading(true)
            return false
        }
        var chunk: [UInt8] = []
        while chunk.count < Self.copyChunk {
            switch libpq.takeCopyData(into: &chunk) {
            case .appended: continue
            case .notYet:
                if chunk.isEmpty { pauseReading(false) } else { copy.resumeReader(.success(chunk)) }
                return false
            case .ended:
                copy.phase = .ending
                pauseReading(false)
                if !chunk.isEmpty { copy.resumeReader(.success(chunk)) }
                return true
            }
        }
        copy.resumeReader(.success(chunk))
        return false
    }

    private func discardCopy(_ copy: CopyState) -> Bool {
        guard let libpq else { return false }
        var dropped: [UInt8] = []
        while true {
            switch libpq.takeCopyData(into: &dropped) {
            case .appended: dropped.removeAll(keepingCapacity: true)
            case .notYet: return false
            case .ended:
                copy.phase = .ending
                return true
            }
        }
    }

    private func pauseReading(_ paused: Bool) {
        guard isReadingPaused != paused else { return }
        isReadingPaused = paused
        updateInterest()
    }

    private func copyError(_ request: Request) -> PostgresError {
        if case .failure(let error)? = request.copy?.outcome { return error }
        return PostgresError(.copyAborted, "the COPY has ended", queryName: "copy")
    }
}
