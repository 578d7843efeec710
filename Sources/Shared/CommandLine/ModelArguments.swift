import ArgumentParser
import Tensors

/// What a model folder does not say itself: the options of every tool that opens one.
package struct ModelArguments: ParsableArguments {
  @Option(
    help: """
      Folder of the other parts, for a folder with a transformer alone or a packed file (default: where it was packed \
      from).
      """)
  package var base: String?

  @Option(
    help: """
      Pipeline's class in diffusers (default: the model's index; with --base the transformer decides between alpha \
      and Sigma).
      """)
  package var pipeline: String?

  @Option(
    help: """
      Weights of this variant where a part has it, as fp16 or bf16 (default: the plain ones, or the only ones).
      """)
  package var variant: String?

  package init() {}

  package var options: ModelFolder.Options {
    ModelFolder.Options(base: base, pipeline: pipeline, variant: variant)
  }
}
