import Formats
import Reconstruction
import RoundStage
import Rounding
import Streams
import Testing

/// The command line that the history of a codes stream has, as shards of earlier versions have it.
struct RoundingSettingsTests {
  /// As the stage completes them for a transformer.
  private func settings(_ recipe: Recipe, method: RoundingMethod? = nil) -> RoundingSettings {
    var settings = RoundingSettings(recipe, method: method)
    settings.damping = 0.01
    return settings
  }

  @Test func `recipes are spelled out`() {
    #expect(
      settings(.balanced).command == """
        fpq-round --method descent --recipe balanced --group-size 64 --scale-type e4m3 --scale output \
        --hadamard 128 --center --smooth 0.25 --damping 0.01 --bias-correction --inputs full
        """)
    #expect(
      settings(.fp4ditSigma).command == """
        fpq-round --method adaround --recipe fp4dit-sigma --group-size 128 --scale-type f16 \
        --scale absmax --hadamard 1 --no-center --no-smooth --damping 0.01 --no-bias-correction \
        --iterations 2500 --inputs full
        """)
    #expect(
      settings(.fpqGreedy, method: .nearest).command == """
        fpq-round --method nearest --recipe fpq-greedy --activation-bits 8 --damping 0.01 \
        --bias-correction --inputs full
        """)
  }

  @Test func `what is asked for stands in its place`() throws {
    var settings = settings(.fp4ditAlpha, method: .gptq)
    settings.groups?.scale = .fourOverSix
    settings.preparation?.smooth = .exponent(1)
    settings.format = ["*.ff.*=e3m0", "*=e2m1"].compactMap { FormatOverride($0) }
    settings.skip = ["proj_out"]
    settings.asymmetric = true
    settings.sharedBit = .overwrite
    (settings.rank, settings.rankMetric) = (3, .weight)
    settings.sortChannels = false
    #expect(
      settings.command == """
        fpq-round --method gptq --recipe fp4dit-alpha --group-size 128 --scale-type f16 \
        --scale four-over-six --hadamard 1 --no-center --smooth 1.0 --damping 0.01 \
        --format *.ff.*=e3m0 --format *=e2m1 --skip proj_out --asymmetric --shared-bit overwrite \
        --rank 3 --rank-metric weight --no-sort-channels --no-bias-correction --inputs full
        """)
  }

  @Test func `blocks learn after what they are fed`() throws {
    var settings = RoundingSettings(.balanced)
    (settings.inputs, settings.samples) = (.quantized, 6)
    var blocks = RoundingSettings.Blocks()
    blocks.tuning = RoundingSettings.Tuning()
    blocks.tuning?.iterations = 2
    blocks.tuning?.tuneCodes = true
    blocks.tuneActivations = try ActivationFormat.parse("e2m3:token")
    settings.blocks = blocks
    #expect(
      settings.command.hasSuffix(
        """
         --bias-correction --inputs quantized --samples 6 --objective block --batch-size 16 \
        --iterations 2 --tune-codes --tune-activations e2m3:token
        """))
    settings = RoundingSettings(.balanced, method: .adaround)
    settings.adaround?.scaleAware = false
    (settings.samples, settings.blocks) = (512, RoundingSettings.Blocks())
    #expect(
      settings.command.hasSuffix(
        """
         --bias-correction --iterations 2500 --no-scale-aware --inputs full --samples 512 \
        --objective block --batch-size 16
        """))
  }

  @Test func `only the ends of feed-forward networks that nobody names get finer formats`() throws {
    let (end, start) = (
      LayerRole("b.0.wo", kind: .feedForwardOutput, block: "b.0"),
      LayerRole("b.0.wi", kind: .feedForwardInput, block: "b.0")
    )
    var settings = RoundingSettings(.balanced)
    #expect(settings.finer(for: end)?.format == "int8" && settings.finer(for: start) == nil)
    settings.format = [try #require(FormatOverride("*.wo=lloyd4"))]
    #expect(settings.finer(for: end) == nil)
  }

  @Test func `recipes have names of their own`() {
    #expect(
      Recipe.all.map(\.name)
        == ["balanced", "fp4dit-alpha", "fp4dit-sigma", "fp4dit-hunyuan", "fpq-greedy"])
  }
}
