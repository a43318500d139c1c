extension Duration {
    /// This duration doubled `times` times, at most `maximum`. Doubled step by step: a power of a large number of failures
    /// would overflow.
    func doubled(times: Int, maximum: Duration) -> Duration {
        var result = min(self, maximum)
        for _ in 0..<max(0, min(times, 64)) where result < maximum { result = min(maximum, result * 2) }
        return result
    }
}
