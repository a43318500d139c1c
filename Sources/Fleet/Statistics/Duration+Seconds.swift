extension Duration {
    /// This time in seconds.
    package var seconds: Double {
        let (whole, parts) = components
        return Double(whole) + Double(parts) / 1e18
    }
}
