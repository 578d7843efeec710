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

/// The tests of one layer, in the folder of the same name.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: ["TestSupport"] + dependencies, path: "Tests/\(name)",
    swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "fpq",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // The tools.
    tool("fpq-stats", "Calibration", "Pipeline"),
    tool("fpq-round", "Rounding", "Inspection", "Formats"),
    tool("fpq-pack", "Export"),
    tool("dit-run", "Pipeline", "Models", "Formats"),
    tool("fpq-show", "Inspection"),

    // The library, in the order the data flows (top: nearest to the tools).
    layer("CommandLine", ["Pipeline", "Platform", argumentParser]),
    layer("Export", ["Rounding", "Pipeline", "Formats", "Tensors", "Platform"]),
    layer(
      "Rounding",
      [
        "Calibration", "Gradients", "Pipeline", "Models", "Kernels", "Inspection", "Formats",
        "Tensors", "Platform",
      ]),
    layer("Calibration", ["Pipeline", "Models", "Sampling", "Kernels", "Tensors", "Platform"]),
    layer("Gradients", ["Models", "Kernels", "Formats", "Tensors", "Platform"]),
    layer("Pipeline", ["Models", "Sampling", "Formats", "Tensors", "Platform"]),
    layer(
      "Models",
      ["Kernels", "Formats", "Tensors", "Platform", "CKernels", "CSentencePiece"]),
    layer("Kernels", ["Formats", "Tensors", "Platform", "CKernels", "CDense"]),
    layer("Sampling", ["Tensors", "Platform"]),
    layer("Inspection", ["Tensors", "Formats", "Platform"]),
    layer("Formats", ["Tensors", "Platform"]),
    layer("Tensors", ["Platform", "CCrypto"]),
    layer("Platform", ["CPNG", "CSignals"]),

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
      name: "TestSupport", dependencies: ["Models", "Tensors", "Platform"],
      path: "Tests/Support", swiftSettings: strict),
    tests("Platform", ["Platform"]),
    tests("Tensors", ["Tensors", "Platform"]),
    tests("Inspection", ["Inspection", "Tensors", "Platform", "fpq-show"]),
    tests("Formats", ["Formats", "Tensors", "Platform"]),
    tests("Kernels", ["Kernels", "CKernels", "Formats", "Tensors", "Platform"]),
    tests("Sampling", ["Sampling", "Tensors", "Platform"]),
    tests("Models", ["Models", "Formats", "Tensors", "Platform"]),
    tests("Gradients", ["Gradients", "Models", "Kernels", "Formats", "Tensors", "Platform"]),
    tests(
      "Rounding",
      [
        "Rounding", "Calibration", "Gradients", "Pipeline", "Models", "Kernels", "Inspection",
        "Formats", "Tensors", "Platform",
      ]),
    tests("Pipeline", ["Pipeline", "Models", "Sampling", "Tensors", "Platform"]),
    tests(
      "Tools",
      [
        "Formats", "Tensors", "Platform", "fpq-stats", "fpq-round", "fpq-pack", "dit-run",
        "fpq-show",
      ]),
  ],
  cxxLanguageStandard: .cxx17
)
