import Domain
import BatchLoading
import Terminal

extension DemoReport {
    /// Requests a second, from the first line queued to the last answer.
    private var rate: Double { wall > .zero ? Double(total) / (wall / .seconds(1)) : 0 }

    /// Shows it to a person in some 20 lines, or as one object.
    func show(_ console: Console, _ folder: DemoFolder, isKept: Bool) throws {
        if console.options.isJSON {
            try console.show(json(folder))
            return
        }
        let palette = console.palette
        var lines = [""]
        func fact(_ title: String, _ text: String) {
            lines.append(palette.paint(title + String(repeating: " ", count: max(0, 12 - title.count)), .dim) + text)
        }
        let verdict =
            isFlawless
            ? palette.paint("none lost, none twice", .green)
            : palette.paint("\(lost) lost, \(twice) twice, \(violations.count) invariants broken", .red)
        fact("requests", "\(total) done: \(written.succeeded) answered, \(written.failed) failed; \(verdict)")
        for violation in violations { fact("", palette.paint(violation, .red)) }
        fact("throughput", "\(HumanFormat.rate(rate)), \(HumanFormat.duration(wall)) in all")
        fact("queue time", Self.text(queued))
        fact("run time", Self.text(ran))
        fact("the kill", killed)
        lines.append("")
        lines += table.lines(width: console.width, palette: palette)
        if !conversation.isEmpty {
            lines.append("")
            for exchange in conversation {
                fact("asked", exchange.question)
                fact("", palette.paint(exchange.answer, exchange.isAnswered ? .green : .red))
            }
        }
        lines.append("")
        fact("answers", folder.answers)
        if isKept { fact("the queue", "`sluice up --data \(folder.queue)` takes it up again") }
        try console.show(lines)
    }

    private var killed: String {
        guard let kill else { return "no worker was busy when one was to be killed" }
        guard let cost = kill.cost else { return "worker \(kill.worker) held nothing that had to run again" }
        return "\(kill.lost) requests lost their worker and ran again within \(Self.milliseconds(cost)) ms"
    }

    private var table: TextTable {
        var table = TextTable([
            .init("worker", key: "worker"), .init("deployment", key: "deployment"), .init("process", key: "pid"),
            .init("answered", key: "answered"), .init("share", key: "share"), .init("busy", key: "busy_seconds"),
            .init("", key: "note"),
        ])
        for share in shares {
            table.append([
                JobsShown.number(share.worker), .text(share.deployment), JobsShown.number(Int64(share.processID)),
                .count(share.answered),
                .share(total > 0 ? Double(share.answered) / Double(total) : 0), .duration(share.ran),
                share.worker == kill?.worker ? .text("killed") : .text(""),
            ])
        }
        return table
    }

    private func json(_ folder: DemoFolder) -> JSONOutput {
        [
            "ok": .bool(isFlawless), "total": .integer(total), "succeeded": .integer(Int64(written.succeeded)),
            "failed": .integer(Int64(written.failed)), "lost": .integer(lost), "twice": .integer(twice),
            "violations": .array(violations.map(JSONOutput.string)), "jobs_per_second": .number(rate),
            "queue_seconds": Self.json(queued), "run_seconds": Self.json(ran),
            "kill": kill.map { kill in
                [
                    "worker": .integer(kill.worker), "pid": .integer(Int64(kill.processID)),
                    "lost": .integer(kill.lost),
                    "milliseconds": kill.cost.map { .number($0 / .milliseconds(1)) } ?? .null,
                ]
            } ?? .null,
            "conversation": .array(
                conversation.map { ["question": .string($0.question), "answer": .string($0.answer)] }),
            "workers": .array(table.json), "output": .string(folder.answers),
        ]
    }

    private static func text(_ times: Times) -> String {
        "p50 \(HumanFormat.duration(times.median)), p95 \(HumanFormat.duration(times.high))"
    }

    private static func json(_ times: Times) -> JSONOutput {
        ["p50": .number(times.median / .seconds(1)), "p95": .number(times.high / .seconds(1))]
    }

    private static func milliseconds(_ cost: Duration) -> String { HumanFormat.fixed(cost / .milliseconds(1), 0) }
}
