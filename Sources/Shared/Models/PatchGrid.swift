import Tensors

/// The grid of square patches that latents are cut into, one token per patch, row-major.
package struct PatchGrid: Sendable {
  package let samples: Int
  /// Patches, not latent pixels.
  package let height: Int
  package let width: Int
  /// Latent pixels along a side of a patch.
  package let patch: Int

  package init(samples: Int, height: Int, width: Int, patch: Int) {
    (self.samples, self.height, self.width, self.patch) = (samples, height, width, patch)
  }

  /// The grid of latents, whose sides are multiples of `patch`.
  init(_ latents: Latents, patch: Int) {
    precondition(
      latents.height % patch == 0 && latents.width % patch == 0,
      "\(latents.width)x\(latents.height) latents")
    self.init(
      samples: latents.samples, height: latents.height / patch, width: latents.width / patch,
      patch: patch)
  }

  /// Latents as rows [samples * tokens][channels][patch][patch].
  func patchify(_ latents: Latents) -> Matrix {
    let channels = latents.channels
    let rows = Matrix(rows: samples * height * width, columns: channels * patch * patch)
    forEachPixel(channels: channels) { token, channel, py, px, pixel in
      rows.row(token)[(channel * patch + py) * patch + px] = latents.values[pixel]
    }
    return rows
  }

  /// Rows [samples * tokens][patch][patch][channels] as latents.
  package func unpatchify(_ rows: Matrix, channels: Int) -> Latents {
    var values = [Float](repeating: 0, count: rows.count)
    forEachPixel(channels: channels) { token, channel, py, px, pixel in
      values[pixel] = rows.row(token)[(py * patch + px) * channels + channel]
    }
    return Latents(
      samples: samples, channels: channels, height: height * patch, width: width * patch,
      values: values)
  }

  /// The rows that `unpatchify` turns into `latents`.
  package func rows(of latents: UnsafePointer<Float>, channels: Int) -> Matrix {
    let rows = Matrix(rows: samples * height * width, columns: channels * patch * patch)
    forEachPixel(channels: channels) { token, channel, py, px, pixel in
      rows.row(token)[(py * patch + px) * channels + channel] = latents[pixel]
    }
    return rows
  }

  private func forEachPixel(
    channels: Int,
    _ body: (_ token: Int, _ channel: Int, _ py: Int, _ px: Int, _ pixel: Int) -> Void
  ) {
    var pixel = 0
    for sample in 0..<samples {
      for channel in 0..<channels {
        for y in 0..<(height * patch) {
          let first = (sample * height + y / patch) * width
          for x in 0..<(width * patch) {
            body(first + x / patch, channel, y % patch, x % patch, pixel)
            pixel += 1
          }
        }
      }
    }
  }
}
