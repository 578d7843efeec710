// swift-tools-version: 6.2
import PackageDescription

/// Swift 6 mode comes with the tools version; a warning never lands.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A layer of the library: a folder of Sources/Shared that may import only the layers named here,
/// so that the compiler keeps the data flowing one way.
func layer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/Shared/\(name)", swiftSettings: strict)
}

/// A pipeline stage: its folder holds the arguments and one call into the library.
func tool(_ name: String, _ stage: Target.Dependency...) -> Target {
  .executableTarget(
    name: name,
    dependencies: ["Platform", "CommandLine", argumentParser] + stage,
    swiftSettings: strict)
}

/// What one tool does: a folder of Sources/Shared/Stages, of its own so that no tool links what
/// another one needs.
func stage(_ name: String, _ folder: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/Shared/Stages/\(folder)",
    swiftSettings: strict)
}

/// The tests of one layer, in the folder of the same name.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: ["TestSupport"] + dependencies, path: "Tests/\(name)",
    exclude: exclude, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "fpq",
  products: [
    // Preloaded into the tools by the tests of faults.
    .library(name: "fpq-faults", type: .dynamic, targets: ["CFaults"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // The tools.
    tool("fpq-stats", "StatsStage", "Calibration", "Pipeline"),
    tool("fpq-round", "RoundStage", "Reconstruction", "Rounding", "Inspection", "Formats"),
    tool("fpq-pack", "PackStage"),
    tool("dit-run", "SampleStage", "Pipeline", "Sampling", "Layers", "Formats"),
    tool("fpq-show", "Inspection"),

    // What each tool does, and the options that several have.
    stage(
      "StatsStage", "Stats",
      ["Calibration", "Pipeline", "Models", "Layers", "Sampling", "Streams", "Tensors", "Platform"]),
    stage(
      "RoundStage", "Round",
      [
        "Reconstruction", "Rounding", "Pipeline", "Sampling", "Kernels", "Inspection", "Streams",
        "Formats", "Tensors", "Platform",
      ]),
    stage("PackStage", "Pack", ["Export", "Streams", "Formats", "Tensors", "Platform"]),
    stage(
      "SampleStage", "Sample",
      [
        "Pipeline", "Models", "Layers", "Sampling", "Streams", "Formats", "Tensors", "Platform",
      ]),
    layer("CommandLine", ["Sampling", "Tensors", "Platform", argumentParser]),

    // The library, in the order the data flows (top: nearest to the tools).
    layer("Inspection", ["Streams", "Formats", "Tensors", "Platform"]),
    layer("Export", ["Streams", "Formats", "Tensors", "Platform"]),
    layer(
      "Reconstruction",
      [
        "Rounding", "Gradients", "Pipeline", "Models", "Sampling", "Layers", "Kernels", "Streams",
        "Formats", "Tensors", "Platform",
      ]),
    layer("Rounding", ["Kernels", "Formats", "Tensors", "Platform"]),
    layer(
      "Calibration", ["Layers", "Kernels", "Streams", "Formats", "Tensors", "Platform"]),
    layer(
      "Pipeline", ["Models", "Sampling", "Layers", "Streams", "Formats", "Tensors", "Platform"]),
    layer("Sampling", ["Tensors", "Platform"]),
    layer(
      "Models",
      [
        "Sampling", "Layers", "Kernels", "Streams", "Formats", "Tensors", "Platform",
        "CSentencePiece",
      ]),
    layer(
      "Gradients", ["Layers", "Kernels", "Streams", "Formats", "Tensors", "Platform"]),
    layer("Layers", ["Kernels", "Streams", "Formats", "Tensors", "Platform"]),
    layer("Kernels", ["Formats", "Tensors", "Platform", "CKernels", "CDense"]),
    layer("Streams", ["Formats", "Tensors", "Platform"]),
    layer("Formats", ["Tensors", "Platform"]),
    layer("Tensors", ["Platform", "CCrypto"]),
    layer("Platform", ["CPNG", "CSignals", "CFiles"]),

    // C: the SIMD kernels, and thin faces of the libraries we link.
    .target(
      name: "CKernels", path: "Sources/Shared/C/Kernels",
      exclude: [
        "elementwise.inc", "gradients.inc", "kernels.def", "lowbit_avx2.inc",
        "lowbit_avx512.inc", "lowbit_multiply.inc", "lowbit_quantize.inc", "lowbit_scalar.inc",
        "lowbit_unpack.inc", "rounding.inc", "tier.inc", "tiered_math.inc",
      ]),
    .target(
      name: "CDense", path: "Sources/Shared/C/Dense",
      linkerSettings: [.linkedLibrary("dnnl"), .linkedLibrary("gomp")]),
    .target(name: "CSignals", path: "Sources/Shared/C/Signals"),
    .target(name: "CFiles", path: "Sources/Shared/C/Files"),
    .target(
      name: "CSentencePiece", path: "Sources/Shared/C/SentencePiece",
      linkerSettings: [.linkedLibrary("sentencepiece")]),
    .systemLibrary(
      name: "CPNG", path: "Sources/Shared/C/PNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CCrypto", path: "Sources/Shared/C/Crypto", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"])]),

    // Tests, one target a layer, and the built tools run as a shell would.
    .target(
      name: "TestSupport", dependencies: ["Models", "Layers", "Tensors", "Platform"],
      path: "Tests/Support", swiftSettings: strict),
    tests("Platform", ["Platform"]),
    tests("Tensors", ["Streams", "Tensors", "Platform"]),
    tests("Formats", ["Streams", "Formats", "Tensors", "Platform"]),
    tests("Kernels", ["Kernels", "CKernels", "Formats", "Tensors", "Platform"]),
    tests("Streams", ["Streams", "Tensors", "Platform"]),
    tests("Layers", ["Kernels", "Layers", "Streams", "Formats", "Tensors", "Platform"]),
    tests("Sampling", ["Sampling", "Tensors", "Platform"]),
    tests(
      "Models", ["Models", "Layers", "Kernels", "Streams", "Formats", "Tensors", "Platform"]),
    tests(
      "Gradients",
      ["Gradients", "Models", "Layers", "Kernels", "Streams", "Formats", "Tensors", "Platform"]),
    tests("Calibration", ["Calibration", "Layers", "Streams", "Tensors", "Platform"]),
    tests("Pipeline", ["Pipeline", "Models", "Sampling", "Tensors", "Platform"]),
    tests("Rounding", ["Rounding", "Kernels", "Formats", "Tensors", "Platform"]),
    tests(
      "Reconstruction",
      [
        "Reconstruction", "Rounding", "StatsStage", "Gradients", "Pipeline", "Models", "Sampling",
        "Layers", "Kernels", "Streams", "Formats", "Tensors", "Platform",
      ]),
    tests("Export", ["Export", "Streams", "Formats", "Tensors", "Platform"]),
    tests(
      "Stages",
      ["RoundStage", "Reconstruction", "Rounding", "Formats", "Inspection", "Streams"]),
    tests("Inspection", ["Inspection", "Tensors", "Platform", "fpq-show"]),
    .target(name: "CFaults", path: "Tests/Faults/Preload"),
    tests(
      "Faults", ["fpq-stats", "fpq-round", "fpq-pack", "dit-run", "fpq-show"], exclude: ["Preload"]),
    // The readers that are fuzzed; `make fuzz` builds the fuzzer itself.
    .target(
      name: "FuzzTargets",
      dependencies: [
        "TestSupport", "Export", "Inspection", "Pipeline", "Models", "Sampling", "Layers",
        "Streams", "Tensors", "Platform",
      ],
      path: "Tests/Fuzz/Targets", swiftSettings: strict),
    tests(
      "Fuzz", ["FuzzTargets"],
      exclude: ["Targets", "Driver", "C", "Seeds", "README.md", "words.dict", "run.sh"]),
    tests(
      "Tools",
      [
        "Streams", "Formats", "Tensors", "Platform", "fpq-stats", "fpq-round", "fpq-pack",
        "dit-run",
        "fpq-show",
      ], exclude: ["Help"]),
  ],
  cxxLanguageStandard: .cxx17
)

// Only what is built with `-sanitize=fuzzer` links libFuzzer, so only `make fuzz` has this.
if Context.environment["FPQ_FUZZ"] != nil {
  package.targets += [
    .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/C"),
    .executableTarget(
      name: "fpq-fuzz", dependencies: ["CFuzzer", "FuzzTargets", "Platform"],
      path: "Tests/Fuzz/Driver", swiftSettings: strict),
  ]
}
