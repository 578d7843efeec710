import Kernels
import Tensors

/// What PixArt makes of latents and timesteps before its blocks.
package struct PixArtInputs: Sendable {
  /// The patches that the rows of x are.
  package let grid: PatchGrid
  /// [batch * tokens][D].
  package let x: Matrix
  /// [batch][D], what the final norm adds to its table.
  package let embedded: Matrix
  /// [batch][6][D], what every block adds to its table.
  package let modulation: Matrix
}

extension PixArtTransformer {
  /// What the first block reads, and what all blocks and the final norm share; the parameters are those of `forward`.
  package func blockInputs(
    latents: [Float], batch: Int, height: Int, width: Int, timesteps: [Float],
    conditions: SizeConditions? = nil, observer: (any LayerObserver)? = nil
  ) -> PixArtInputs {
    let patch = config.patchSize
    precondition(batch > 0 && timesteps.count == batch, "batch of \(batch)")
    precondition(height % patch == 0 && width % patch == 0, "\(width)x\(height) latents")
    precondition(latents.count == batch * config.inChannels * height * width, "latents' size")
    let grid = PatchGrid(
      batch: batch, height: height / patch, width: width / patch, patch: patch)
    let x = embed(latents, grid: grid, observer: observer)
    let (embedded, modulation) = conditioning(
      timesteps: timesteps, conditions: conditions, observer: observer)
    return PixArtInputs(grid: grid, x: x, embedded: embedded, modulation: modulation)
  }

  /// Patches as tokens [batch * tokens][D], with their positions added.
  private func embed(
    _ latents: [Float], grid: PatchGrid, observer: (any LayerObserver)?
  ) -> Matrix {
    let patches = grid.patchify(latents, channels: config.inChannels)
    let x = patchEmbedding(patches, observer: observer)
    let positions = Embeddings.positions(
      gridHeight: grid.height, gridWidth: grid.width, width: config.width,
      base: config.sampleSize / grid.patch, scale: config.interpolationScale)
    x.add(toEachSample: positions)
    observer?.observe(module: "pos_embed", output: x)
    return x
  }
}
