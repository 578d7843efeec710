import Kernels
import Rounding
import Streams
import Tensors

/// A relative output error, where there is one.
package enum OutputError {
  case of(Double)
  /// The statistics have no token of the layer's input: nothing was judged.
  case neverSeen
  /// There are no such statistics.
  case none

  package var value: Double? {
    if case .of(let value) = self { value } else { nil }
  }
}

/// A layer that was rounded: what is stored, run and reported of it.
///
/// The float weight and the objective are let go: those of all layers are as large as the model and
/// its statistics.
package struct FinishedLayer {
  package let role: LayerRole
  package let rounded: RoundedLayer
  /// How the metadata describes it.
  package let entry: LayerFormats.Entry
  /// How its input is prepared.
  package let transform: InputTransform
  /// What the layers of its site share in a file.
  private let siteTensors: [Tensor]
  /// The static format of its input, when it has one.
  package let activation: StaticActivation?
  package let outputs: Int
  package let inputs: Int
  /// Tokens of its input in the statistics.
  package let tokens: Int
  /// By rounding to nearest with absmax scales.
  package let nearest: OutputError
  package let error: OutputError
  /// On statistics of other prompts.
  package let heldOut: OutputError

  /// What `task` was rounded to.
  package init(_ task: RoundingTask, _ rounded: RoundedLayer) {
    let site = task.site
    (role, self.rounded, entry) = (task.role, rounded, task.entry(rounded))
    (transform, siteTensors) = (site.prepared.transform, site.tensors)
    (activation, tokens) = (site.activation, site.tokens)
    (outputs, inputs) = (task.problem.weight.rows, task.problem.weight.columns)
    let isSeen = site.tokens > 0
    nearest = isSeen ? .of(rounded.report.errorBefore) : .neverSeen
    error = isSeen ? .of(rounded.report.errorAfter) : .neverSeen
    heldOut =
      site.judge.map { judge in
        judge.relativeError(of: rounded, for: task.problem).map { .of($0) } ?? .neverSeen
      } ?? .none
  }

  /// As a codes stream holds it.
  package var coded: CodedLayer {
    CodedLayer(
      rounded.quantized, entry: entry, biasCorrection: rounded.biasCorrection,
      branch: rounded.branch.map { ($0.up, $0.down) }, siteTensors: siteTensors,
      errors: (rounded.report.errorBefore, rounded.report.errorAfter))
  }
}
