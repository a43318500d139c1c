/// The traces that come with the program; their origins and licences are in `Traces/README.md`.
package enum BundledTrace: String, Sendable, CaseIterable {
    /// 57 minutes of bursts of jobs of 1.2 s.
    case azureCode = "azure-code"
    /// 14 days of an even model with days and nights.
    case servegen = "servegen-m-mid"
    /// A week of few and many, in minutes.
    case burstGPT = "burstgpt-week"

    private var bytes: [UInt8] {
        switch self {
        case .azureCode: PackageResources.azure_code_csv
        case .servegen: PackageResources.servegen_m_mid_csv
        case .burstGPT: PackageResources.burstgpt_week_csv
        }
    }

    /// The trace; where it holds rates, jobs drawn by the assumptions.
    package func trace(_ assumptions: TraceReader.Assumptions = .init()) throws(TraceReader.Malformed) -> Trace {
        try TraceReader(assumptions).read(String(decoding: bytes, as: UTF8.self), name: rawValue)
    }
}
