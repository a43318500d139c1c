/// How a model's traffic is split between its deployments. The raw value is the word used in SQL and files.
package enum ShareStrategy: String, Sendable, CaseIterable {
    /// Whoever has a free slot claims: shares overlap, and a pull takes what it can. The default.
    case leastBusy = "least_busy"
    /// By declared weight.
    case weighted
    /// Equal parts.
    case roundRobin = "round_robin"
    /// By declared weight times the health score itself, not its grade.
    case healthWeighted = "health_weighted"
    /// By the inverse of the average latency.
    case fastest
    /// By tier: the lowest number that is in service, by weight within it; what a tier cannot take goes to the next.
    case priority
}
