import Queue

/// The metrics in Prometheus's text format, version 0.0.4. Pure.
///
/// Labels are bounded by what an operator declared (models, deployments) and by closed vocabularies.
enum MetricsText {
    static func render(_ overview: [DeploymentOverview], _ counters: RequestCounters.State) -> String {
        var text = ""
        func head(_ name: String, _ type: String, _ help: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        }
        var models: [DeploymentOverview] = []
        for row in overview where models.last?.model != row.model { models.append(row) }
        head("sluice_jobs_ready", "gauge", "Jobs that wait and may be claimed.")
        for row in models { text += "sluice_jobs_ready{model=\(quoted(row.model))} \(row.ready)\n" }
        head("sluice_jobs_scheduled", "gauge", "Jobs that are due later or back off.")
        for row in models { text += "sluice_jobs_scheduled{model=\(quoted(row.model))} \(row.scheduled)\n" }
        head("sluice_oldest_ready_seconds", "gauge", "Age of the oldest job that waits.")
        for row in models {
            text += "sluice_oldest_ready_seconds{model=\(quoted(row.model))} \(row.oldestReadySeconds ?? 0)\n"
        }
        let deployments = overview.filter { $0.deployment != nil }
        head("sluice_jobs_running", "gauge", "Jobs a deployment's workers hold.")
        for row in deployments { text += "sluice_jobs_running\(labels(row)) \(row.running)\n" }
        head("sluice_workers", "gauge", "Workers that live.")
        for row in deployments { text += "sluice_workers\(labels(row)) \(row.workersLive)\n" }
        head("sluice_workers_wanted", "gauge", "Workers there should be.")
        for row in deployments { text += "sluice_workers_wanted\(labels(row)) \(row.workersWanted)\n" }

        head("sluice_http_responses_total", "counter", "Requests answered by this gateway.")
        for (code, count) in counters.responses.sorted(by: { $0.key < $1.key }) {
            text += "sluice_http_responses_total{code=\"\(code)\"} \(count)\n"
        }
        head("sluice_http_duration_seconds", "histogram", "From a request's head to its answer's head.")
        histogram("sluice_http_duration_seconds", counters.duration, &text)
        head("sluice_calls_total", "counter", "Synchronous calls whose job has ended.")
        for (labels, count) in counters.jobs.sorted(by: { $0.key < $1.key }) {
            text += "sluice_calls_total{\(labels)} \(count)\n"
        }
        head("sluice_call_queue_seconds", "histogram", "How long the jobs of synchronous calls waited.")
        histogram("sluice_call_queue_seconds", counters.queued, &text)
        head("sluice_call_run_seconds", "histogram", "How long the jobs of synchronous calls ran.")
        histogram("sluice_call_run_seconds", counters.ran, &text)
        head("sluice_call_tokens_total", "counter", "Tokens of synchronous calls.")
        text += "sluice_call_tokens_total{type=\"prompt\"} \(counters.tokens.prompt)\n"
        text += "sluice_call_tokens_total{type=\"completion\"} \(counters.tokens.completion)\n"
        return text
    }

    private static func histogram(_ name: String, _ histogram: RequestCounters.Histogram, _ text: inout String) {
        var count = 0
        for (bound, bucket) in zip(RequestCounters.bounds, histogram.buckets) {
            count += bucket
            text += "\(name)_bucket{le=\"\(bound)\"} \(count)\n"
        }
        count += histogram.buckets[RequestCounters.bounds.count]
        text += "\(name)_bucket{le=\"+Inf\"} \(count)\n\(name)_sum \(histogram.sum)\n\(name)_count \(count)\n"
    }

    private static func labels(_ row: DeploymentOverview) -> String {
        "{model=\(quoted(row.model)),deployment=\(quoted(row.deployment ?? ""))}"
    }

    /// A label's value: backslash, quote and line feed are escaped.
    private static func quoted(_ value: String) -> String {
        var text = "\""
        for character in value {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text + "\""
    }
}
