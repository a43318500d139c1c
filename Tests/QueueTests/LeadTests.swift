import Postgres
import Queue
import TestSupport
import Testing

/// The lead of the fleet, and what is seen of who has it. In databases of their own: there is one leader in each.
@Suite(.timeLimit(.minutes(2))) struct LeadTests {
    @Test(.database(migrated: true)) func `a leader gives signs of life, and one that gives none loses its session`()
        async throws
    {
        let corner = try await Corner.open()
        let leader = try await corner.another()
        #expect(try await corner.queue.seenLead() == nil)
        #expect(try await leader.queue.takeLead())
        #expect(try await !corner.queue.takeLead())
        let epoch = try await leader.queue.leadFleet(as: "one")
        let first = try #require(try await corner.queue.seenLead())
        try await leader.queue.holdLead(epoch: epoch)
        let second = try #require(try await corner.queue.seenLead())
        #expect(second.session == first.session && second.sign != first.sign && !second.isWorking)
        #expect(try await !corner.queue.depose(first), "it has given one since")
        #expect(try await corner.queue.depose(second))
        try await eventually("the lead is free") { try await corner.queue.takeLead() }
        #expect(try await corner.queue.leadFleet(as: "two") > epoch)
        let told: [String] = try await corner.connection.values(
            "select reason from sluice.decisions where kind = 'leader_deposed'")
        #expect(told == ["one had stalled: its session was ended"])
        #expect(try await code { try await corner.queue.holdLead(epoch: epoch) } == .superseded)
    }

    @Test(.database(migrated: true)) func `while it writes it says that it is there, and who follows waits`()
        async throws
    {
        let corner = try await Corner.open()
        let epoch = try await corner.queue.leadFleet(as: "one")
        try await corner.connection.execute(script: "set lock_timeout = '50ms'")
        try await Corner.connect().transaction { writer async throws in
            _ = try await writer.query(Statement("writes", "select sluice.check_epoch($1)"), epoch)
            try await corner.queue.holdLead(epoch: epoch)
            try await corner.queue.decided(epoch: epoch, taken: .seconds(1))
            #expect(try await code { _ = try await corner.queue.leadFleet(as: "two") } == .locked)
        }
        #expect(try await corner.queue.leadFleet(as: "two") > epoch)
    }
}
