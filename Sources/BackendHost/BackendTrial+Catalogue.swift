extension BackendTrial {
    /// Every trial, in the order they are run.
    package static let catalogue: [BackendTrial] = loading + creating + answering + cancelling + living

    private static let loading = [
        BackendTrial("exports", "exports the entry symbol alone", crash: .symbols) { try $0.exportsOnlyTheEntry() },
        BackendTrial("loads", "loads and declares itself", isRequired: true, crash: .entry, hang: .entry) {
            try $0.declaresItself()
        },
        starts,
        BackendTrial("entry", "does nothing in its entry but keep the host", crash: .entry, hang: .entry) {
            try $0.entryOnlyKeepsTheHost()
        },
        BackendTrial("newer-minor", "works with a host of a newer minor version", crash: .growth) {
            try await $0.worksWithNewerMinor()
        },
        BackendTrial("host-size", "reads no more of the host than it was given", crash: .sizes) {
            try await $0.readsOnlyWhatIsGiven()
        },
        BackendTrial("other-major", "leaves a host of another major version alone", crash: .sizes, hang: .entry) {
            try $0.survivesOtherMajor()
        },
    ]

    /// The first trial that makes an instance, with the configuration of the check.
    package static let starts = BackendTrial(
        "starts", "starts and is well", isRequired: true, crash: .create, hang: .create
    ) { try $0.startsAndIsWell() }

    private static let creating = [
        BackendTrial("bad-config", "refuses a bad configuration with a sentence", crash: .create, hang: .create) {
            try $0.refusesBadConfiguration()
        },
        BackendTrial(
            "empty-config", "takes an empty configuration, or says what is missing", crash: .emptyConfiguration,
            hang: .create
        ) { try $0.takesEmptyConfiguration() },
    ]

    private static let answering = [
        BackendTrial("answers", "answers every kind it declares", crash: .answer) { try await $0.answersEachKind() },
        BackendTrial("chunks", "sends chunks that are JSON objects, and the whole answer", crash: .chunk) {
            try await $0.sendsGoodChunks()
        },
        BackendTrial("kinds", "refuses kinds it does not offer as unsupported", crash: .kinds) {
            try await $0.refusesOtherKinds()
        },
        BackendTrial("bodies", "refuses bodies it cannot read as invalid_request", crash: .bodies) {
            try await $0.refusesBadBodies()
        },
        BackendTrial("utf8", "gives valid answers to bodies that are not UTF-8, or none", crash: .unicode) {
            try await $0.survivesBadUnicode()
        },
        BackendTrial("huge-bodies", "ends calls with huge and deeply nested bodies", seconds: 60, crash: .bodies) {
            try await $0.survivesHugeBodies()
        },
        BackendTrial("final-never", "ends every call it accepts", crash: .finalDue) { try await $0.endsEveryCall() },
        BackendTrial("double-final", "ends every call once", crash: .oneFinal) { try await $0.endsEveryCallOnce() },
        BackendTrial("late-chunk", "sends no chunk after the final", crash: .chunkOrder) {
            try await $0.sendsNoLateChunks()
        },
    ]

    private static let cancelling = [
        BackendTrial("cancel-before", "ignores cancels of calls that were not begun", crash: .cancelUnknown) {
            try await $0.survivesCancelsBefore()
        },
        BackendTrial("cancel-during", "ends calls that are cancelled", seconds: 30, crash: .cancel, hang: .cancel) {
            try await $0.survivesCancelsDuring()
        },
        BackendTrial("cancel-after", "ignores cancels of calls that have ended", crash: .cancelUnknown) {
            try await $0.survivesCancelsAfter()
        },
    ]

    private static let living = [
        BackendTrial("concurrent", "answers as many calls at once as it declares", seconds: 60, crash: .concurrency) {
            try await $0.answersConcurrently()
        },
        BackendTrial("reports", "reports health and statistics under load", seconds: 30, crash: .health) {
            try await $0.reportsUnderLoad()
        },
        BackendTrial(
            "destroy", "can be destroyed with calls open, silent afterwards", crash: .destroy, hang: .destroySoon
        ) { try await $0.survivesDestroy() },
        BackendTrial("process", "leaves signal handlers and children alone", crash: .process) {
            try await $0.leavesTheProcessAlone()
        },
        BackendTrial("growth", "does not grow with the number of calls", seconds: 180, crash: .memory) {
            try await $0.staysSmall()
        },
    ]
}
