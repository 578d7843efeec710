import Models
import Tensors

/// The arguments of a golden call of the PixArt transformer (Tests/References/pixart-*).
package struct PixArtCall {
  /// [batch][in channels][height][width].
  package let latents: [Float]
  package let batch: Int
  package let height: Int
  package let width: Int
  package let timesteps: [Float]
  package let conditions: SizeConditions?
  /// [batch * length][caption channels].
  package let states: Matrix
  /// [batch * length].
  package let mask: [Bool]

  package init(_ golden: ModelCase) throws {
    let shape = try golden.shape("hidden_states")
    (batch, height, width) = (shape[0], shape[2], shape[3])
    latents = try golden.floats("hidden_states")
    timesteps = try golden.floats("timestep")
    let text = try golden.shape("encoder_hidden_states")
    states = Matrix(
      rows: text[0] * text[1], columns: text[2],
      values: try golden.floats("encoder_hidden_states"))
    mask = try golden.floats("encoder_attention_mask").map { $0 != 0 }
    if golden.io.find("resolution") != nil {
      let resolution = try golden.floats("resolution")
      conditions = SizeConditions(
        height: resolution[0], width: resolution[1],
        aspectRatio: try golden.floats("aspect_ratio")[0])
    } else {
      conditions = nil
    }
  }

  /// The model's output, [batch][out channels][height][width].
  package func callAsFunction(
    _ model: PixArtTransformer, observer: (any LayerObserver)? = nil
  ) -> [Float] {
    let text = model.prepareText(states, mask: mask, batch: batch, observer: observer)
    return model.forward(
      latents: latents, batch: batch, height: height, width: width, timesteps: timesteps,
      text: text, conditions: conditions, observer: observer)
  }
}
