// swift-tools-version: 6.3
import PackageDescription

// `Plugins/` holds runtime plugins (dynamic libraries a worker loads), not SwiftPM build plugins: every target below it
// therefore names its `path:`.

/// Leaves `sluice_backend_entry` as the only visible symbol of a backend.
let backendLinking: [LinkerSetting] = [
    .unsafeFlags(
        ["-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/backend.map"]
            + (Context.environment["SLUICE_STATIC"] == nil ? [] : ["-static-stdlib"])
    )
]

/// Where ops/llama.sh put libllama; without it the local backend says what to run. A check for files would go stale: SwiftPM
/// keeps the evaluated manifest, but looks at the environment.
let llama: [CSetting] =
    Context.environment["SLUICE_LLAMA"].map {
        [.define("SLUICE_LLAMA", to: "\"\($0)\""), .unsafeFlags(["-I\($0)/libllama/include"])]
    } ?? []

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .library(name: "MockBackend", type: .dynamic, targets: ["MockBackend"]),
        .library(name: "OpenAIBackend", type: .dynamic, targets: ["OpenAIBackend"]),
        .library(name: "LocalBackend", type: .dynamic, targets: ["LocalBackend"]),
        .library(name: "ExampleC", type: .dynamic, targets: ["ExampleC"]),
        .library(name: "BackendKit", targets: ["BackendKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.92.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.38.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.36.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // C: the backend contract, system calls Swift's Glibc module lacks, libpq.
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CLinux"),
        .target(name: "BackendABI"),

        // Values, no IO.
        .target(name: "Domain"),
        .target(name: "JSONText"),
        .target(name: "Fleet", dependencies: ["Domain"]),
        .target(
            name: "Simulation",
            dependencies: ["Domain", "Fleet", "JSONText"],
            exclude: ["Traces/README.md"],
            resources: [
                .embedInCode("Traces/azure-code.csv"), .embedInCode("Traces/servegen-m-mid.csv"),
                .embedInCode("Traces/burstgpt-week.csv"),
            ]
        ),
        .target(name: "Admission", dependencies: ["Domain", "JSONText"]),
        .target(name: "Terminal", dependencies: ["Domain"]),
        .target(
            name: "Telemetry",
            dependencies: ["Domain", .product(name: "Logging", package: "swift-log")]
        ),
        .target(
            name: "Settings",
            dependencies: [
                "Domain",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Forms as browsers and HTTP clients send files in them.
        .target(name: "Multipart"),

        // Files of the OpenAI batch format.
        .target(
            name: "BatchFile",
            dependencies: [
                "Domain",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Fleets as files.
        .target(name: "FleetFile", dependencies: ["Domain", "Fleet", .product(name: "Yams", package: "Yams")]),

        // PostgreSQL.
        .target(
            name: "Postgres",
            dependencies: [
                "CPostgres", "CLinux",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.strictMemorySafety()]
        ),
        .target(name: "SQLFiles", path: "sql", resources: [.embedInCode("migrations"), .embedInCode("functions")]),
        .target(
            name: "Queue",
            dependencies: ["Domain", "Postgres", "SQLFiles", .product(name: "Crypto", package: "swift-crypto")]
        ),
        .target(name: "BatchLoading", dependencies: ["BatchFile", "Domain", "Postgres", "Queue"]),
        .target(
            name: "PrivatePostgres",
            dependencies: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Backends.
        .target(name: "BackendKit", dependencies: ["BackendABI", "JSONText"], swiftSettings: [.strictMemorySafety()]),
        .target(
            name: "BackendHost",
            dependencies: [
                "BackendABI", "Domain", "JSONText",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: [.strictMemorySafety()]
        ),
        .target(
            name: "MockBackend",
            dependencies: ["BackendKit", "BackendABI", "JSONText"],
            path: "Plugins/MockBackend",
            exclude: ["README.md"],
            linkerSettings: backendLinking
        ),
        // The OpenAI backend: what tests can import, and the plugin that is its entry.
        .target(
            name: "OpenAIClient",
            dependencies: [
                "BackendKit", "JSONText",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        .target(
            name: "OpenAIBackend",
            dependencies: ["BackendKit", "BackendABI", "OpenAIClient"],
            path: "Plugins/OpenAIBackend",
            exclude: ["README.md"],
            linkerSettings: backendLinking
        ),
        // The local backend: libllama behind C of our own, what tests can import, and the plugin that is its entry.
        .target(name: "CLlama", cSettings: llama),
        .target(
            name: "LocalModel",
            dependencies: ["BackendKit", "CLlama", "JSONText"],
            swiftSettings: [.strictMemorySafety()]
        ),
        .target(
            name: "LocalBackend",
            dependencies: ["BackendKit", "BackendABI", "LocalModel"],
            path: "Plugins/LocalBackend",
            exclude: ["README.md"],
            linkerSettings: backendLinking
        ),
        .target(
            name: "ExampleC",
            dependencies: ["BackendABI"],
            path: "Plugins/ExampleC",
            publicHeadersPath: ".",
            linkerSettings: backendLinking
        ),

        // Processes.
        .target(name: "Lifeline"),
        .target(
            name: "Worker",
            dependencies: [
                "BackendHost", "CLinux", "Domain", "Fleet", "JSONText", "Lifeline", "Postgres", "Queue", "Settings",
                "Telemetry",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .target(
            name: "Supervisor",
            dependencies: [
                "Domain", "Fleet", "Lifeline", "Postgres", "Queue", "Settings", "Telemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .target(
            name: "Gateway",
            dependencies: [
                "Admission", "BatchFile", "BatchLoading", "Domain", "Multipart", "Postgres", "Queue", "Telemetry",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("OpenAPI/Surfaces")]
        ),
        .target(name: "CBaseline", dependencies: ["CPostgres"]),
        .target(
            name: "Bench",
            dependencies: [
                "BatchFile", "BatchLoading", "CBaseline", "Domain", "Fleet", "Postgres", "PrivatePostgres", "Queue",
                "Simulation",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Admission", "BackendHost", "BatchFile", "BatchLoading", "Bench", "CLinux", "Domain", "Fleet",
                "FleetFile", "Gateway", "Lifeline", "Postgres", "PrivatePostgres", "Queue", "Settings", "Supervisor",
                "Simulation", "Telemetry", "Terminal", "Worker",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Tests. The products they start (`sluice`, the backends) come from the same `swift build --build-tests`. The
        // backends cannot be dependencies: all tests are linked into one program, which can have one entry symbol.
        .target(
            name: "TestSupport",
            dependencies: [
                "Postgres", "PrivatePostgres", "Queue",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            path: "Tests/TestSupport"
        ),
        .target(
            name: "UpstreamSupport",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/UpstreamSupport"
        ),
        .testTarget(name: "DomainTests", dependencies: ["Domain"]),
        .testTarget(name: "FleetTests", dependencies: ["Fleet", "Domain"]),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Fleet", "Domain"]),
        .testTarget(name: "AdmissionTests", dependencies: ["Admission", "Domain"]),
        .testTarget(
            name: "PrivatePostgresTests",
            dependencies: [
                "PrivatePostgres", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "SettingsTests",
            dependencies: ["Settings", .product(name: "Configuration", package: "swift-configuration")]
        ),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["Telemetry", .product(name: "Logging", package: "swift-log")]
        ),
        .testTarget(name: "TerminalTests", dependencies: ["Terminal", "Domain"]),
        .testTarget(
            name: "BatchFileTests",
            dependencies: [
                "BatchFile", "Domain",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(name: "FleetFileTests", dependencies: ["FleetFile"]),
        .testTarget(name: "MultipartTests", dependencies: ["Multipart"]),
        .testTarget(
            name: "PostgresTests",
            dependencies: [
                "Postgres", "PrivatePostgres", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]
        ),
        .testTarget(
            name: "QueueTests",
            dependencies: [
                "Queue", "Postgres", "Domain", "SQLFiles", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Domain", "Postgres", "Queue", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ]
        ),
        .testTarget(name: "WorkerTests", dependencies: ["Worker", "BackendHost", "Domain", "Postgres", "Queue"]),
        .testTarget(
            name: "BatchLoadingTests",
            dependencies: [
                "BatchLoading", "BatchFile", "Domain", "Postgres", "Queue", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "BackendHostTests",
            dependencies: [
                "BackendHost", "BackendABI", "BackendKit", "Domain", "JSONText",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            resources: [.embedInCode("Backends")]
        ),
        .testTarget(
            name: "OpenAIClientTests",
            dependencies: [
                "OpenAIClient", "BackendHost", "BackendKit", "Domain", "JSONText", "TestSupport", "UpstreamSupport",
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "LocalModelTests",
            dependencies: [
                "LocalModel", "BackendHost", "BackendKit", "Domain", "JSONText",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(
            name: "SupervisorTests",
            dependencies: [
                "Supervisor", "Domain", "Fleet", "Lifeline", "Postgres", "Queue", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "sluice", "TestSupport", "UpstreamSupport", "Domain", "Gateway", "Queue", "Postgres", "PrivatePostgres",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
        .testTarget(name: "TidyTests", dependencies: [.product(name: "Subprocess", package: "swift-subprocess")]),
    ],
    swiftLanguageModes: [.v6]
)

let upcomingFeatures = [
    "ExistentialAny",  // SE-0335
    "InternalImportsByDefault",  // SE-0409
    "MemberImportVisibility",  // SE-0444
    "InferIsolatedConformances",  // SE-0470
    "NonisolatedNonsendingByDefault",  // SE-0461
    "ImmutableWeakCaptures",  // SE-0481
]
for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + upcomingFeatures.map { .enableUpcomingFeature($0) }
}
