/// Who is told when a job has ended, and how.
package struct JobWebhook: Sendable, Hashable {
    /// What a webhook carries.
    package enum Form: String, Sendable, CaseIterable {
        /// An event as Standard Webhooks has it.
        case standard
        /// The job's status as RunPod's clients know it.
        case runpod
    }

    /// `http` or `https`; at most 2,048 bytes.
    package var url: String
    package var form: Form

    package init(url: String, form: Form = .standard) {
        self.url = url
        self.form = form
    }
}
