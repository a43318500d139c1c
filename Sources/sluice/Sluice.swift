import ArgumentParser

/// The root of all commands.
struct Sluice: AsyncParsableCommand {
    /// Every subcommand, by what people want to do.
    static let groups = [
        CommandGroup(
            name: "Work",
            subcommands: [
                SubmitCommand.self,
                JobsCommand.self,
                BatchCommand.self,
                ScoreCommand.self,
            ]),
        CommandGroup(
            name: "Operate",
            subcommands: [
                UpCommand.self,
                StatusCommand.self,
                TopCommand.self,
                DeployCommand.self,
                ApplyCommand.self,
                ExportCommand.self,
                ScaleCommand.self,
                SimulateCommand.self,
                PlanCommand.self,
                AdminCommand.self,
                ExperimentsCommand.self,
                SupervisorCommand.self,
                GatewayCommand.self,
                KeysCommand.self,
                GuardsCommand.self,
                WebhooksCommand.self,
                WorkerCommand.self,
                MigrateCommand.self,
                PsqlCommand.self,
                DoctorCommand.self,
            ]),
        CommandGroup(
            name: "Develop",
            subcommands: [
                DemoCommand.self,
                BackendsCommand.self,
                BenchCommand.self,
                ExitCodesCommand.self,
            ]),
    ]

    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "A job queue for AI inference on PostgreSQL.",
        discussion: """
            Start with `sluice up`: a queue with its own database and two mock deployments on this machine. Then try \
            `sluice submit --model demo --prompt 'Hello' --wait`.

            Every command finds its database by --database-url or --data, SLUICE_DATABASE_URL, the settings file \
            SLUICE_CONFIG names, SLUICE_DATA, or the folder .sluice here, in this order. `sluice exit-codes` explains \
            how a command ends.
            """,
        version: Version.text,
        groupedSubcommands: groups
    )
}
