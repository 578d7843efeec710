import Foundation
import Platform
import Tensors
import TestSupport
import Testing

/// Options of `fpq-show` that no other test is about.
struct OptionTests {
  let here: TemporaryFolder

  init() throws { here = try TemporaryFolder() }

  @Test func `headers alone show no values`() throws {
    let path = References.path("safetensors-hostile/ok_plain.safetensors")
    let listed = try Shell.run("fpq-show", ["ls", path, "--headers", "--tsv"])
    #expect(listed.status == 0, "\(listed.error)")
    #expect(
      listed.text.hasPrefix("name\tdtype\tshape\tbytes") && listed.text.contains("\na\tF32\t[2]\t8")
    )
    #expect(!listed.text.contains("2.07"))
  }

  @Test func `bars by the logarithm show tails`() throws {
    let path = try save(
      here.file("x"),
      [
        Tensor(
          name: "x", dtype: .f32, shape: [1001],
          values: [Float](repeating: 0, count: 1000) + [1])
      ])
    let bars = try [[], ["--log"]].map { options in
      let shown = try Shell.run("fpq-show", ["histogram", path, "x", "--bins", "2"] + options)
      #expect(shown.status == 0, "\(shown.error)")
      return shown.text.split(separator: "\n").suffix(2).map { $0.filter { $0 == "#" }.count }
    }
    // One value of a thousand and one: a thousandth of the long bar, or log(2) / log(1001), a
    // tenth.
    #expect(bars[0][0] == bars[1][0] && bars[0][0] > 20)
    #expect(bars[0][1] <= 1 && bars[1][1] > 2, "\(bars)")
  }

  @Test func `a sheet has as many columns as it is told`() throws {
    let pixels = [UInt8](repeating: 200, count: 8 * 4 * 3)
    let png = try here.write("a.png", Image(width: 8, height: 4, pixels: pixels).pngData())
    func sheet(_ options: [String]) throws -> Image {
      let output = here.file("sheet.png")
      let made = try Shell.run(
        "fpq-show", ["sheet", png, png, png, png, "--scale", "1", "-o", output] + options)
      #expect(made.status == 0, "\(made.error)")
      return try Image(png: output)
    }
    let (row, column) = (try sheet([]), try sheet(["--columns", "1"]))
    #expect(row.width > row.height && column.height > column.width)
  }

  /// Pictures of 2048 pixels a side, black left and white right: 16 of them are as many pixels as a
  /// sheet may have, with the gaps too many.
  @Test func `many large pictures are drawn smaller, one after the other`() throws {
    let side = 2048
    let row = (0..<side).flatMap { [UInt8](repeating: $0 < side / 2 ? 0 : 255, count: 3) }
    let image = Image(
      width: side, height: side, pixels: Array((0..<side).map { _ in row }.joined()))
    let png = try here.write("a.png", image.pngData())
    let made = try Shell.script(
      "ulimit -v 1000000; fpq-show sheet $(yes '\(png)' | head -16) --columns 4 -o sheet.png",
      in: here.path)
    #expect(made.status == 0)
    #expect(
      made.error == "fpq-show: sheet: pictures are drawn at 1/2 of their size, as the sheet would "
        + "be too large\n")
    let sheet = try Image(png: here.file("sheet.png"))
    #expect(sheet.width == 4 * side / 2 + 2 * 6 + 3 * 6)
    // The first picture begins after the wide gap.
    let first = (6 * sheet.width + 6) * 3
    #expect(sheet.pixels[first] == 0 && sheet.pixels[first + side / 2 * 3 - 1] == 255)
    #expect(sheet.pixels[first - 1] == 255)
  }
}
