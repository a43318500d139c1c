import Domain
import Terminal
import Testing

@Suite struct ExitCodeTests {
    @Test func numbersAreThoseScriptsRelyOn() {
        let numbers = ExitCode.allCases.map(\.rawValue)
        #expect(numbers == [0, 1, 64, 65, 66, 69, 70, 73, 74, 75, 77, 78])
        #expect(Set(ExitCode.allCases.map(\.meaning)).count == numbers.count)
    }

    @Test func aFailureNamesTheFix() {
        let failure = CommandFailure(.unavailable, "The database does not answer.", fix: "Start it with `sluice up`.")
        #expect(failure.lines(.plain) == ["error: The database does not answer.", "  fix: Start it with `sluice up`."])
        #expect(
            failure.json.text
                == #"{"error": {"message": "The database does not answer.", "fix": "Start it with `sluice up`.", "exit_code": 69}}"#
        )
        #expect(CommandFailure(.io, "Bad.\u{1B}[2J").lines(.plain) == ["error: Bad.\u{FFFD}[2J"])
        #expect(
            CommandFailure(.io, "Bad.").json.text == #"{"error": {"message": "Bad.", "fix": null, "exit_code": 74}}"#)
    }
}

@Suite struct PaletteTests {
    @Test func paintsOnlyOnTerminalsThatWantIt() {
        #expect(Palette(isTerminal: true, environment: [:]).paint("x", .red, .bold) == "\u{1B}[31;1mx\u{1B}[0m")
        #expect(Palette(isTerminal: true, environment: ["NO_COLOR": ""]).isOn)
        #expect(!Palette(isTerminal: true, environment: ["NO_COLOR": "1"]).isOn)
        #expect(!Palette(isTerminal: true, environment: ["TERM": "dumb"]).isOn)
        #expect(!Palette(isTerminal: false, environment: [:]).isOn)
        #expect(Palette.plain.paint("x", .red) == "x")
    }
}
