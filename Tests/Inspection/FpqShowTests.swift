import Foundation
import Platform
import Tensors
import TestSupport
import Testing

private func floats(_ name: String, _ values: [Float]) -> Tensor {
  Tensor(name: name, dtype: .f32, shape: [values.count], values: values)
}

private func json(_ text: String) throws -> JSON {
  try Array(text.utf8).withUnsafeBytes { try JSON(parsing: $0) }
}

private let plain = References.path("safetensors-hostile/ok_plain.safetensors")

@Test func `lists files pipes and folders alike`() throws {
  let listed = try Shell.run("fpq-show", ["ls", plain])
  #expect(
    listed.text == """
      name  dtype  shape   bytes       min     max       mean     rms  nan
      a     F32    [2]         8  -0.13982  2.0704    0.96526  1.4673    0
      b     F32    [1, 2]      8   -1.5318  1.3347  -0.098596  1.4366    0

      """)
  #expect(listed.error == "")
  #expect(listed.status == 0)
  let data = try Data(contentsOf: URL(fileURLWithPath: plain))
  #expect(try Shell.run("fpq-show", ["ls", "-"], input: data).output == listed.output)
  #expect(try Shell.script("fpq-show ls - < '\(plain)'").output == listed.output)
  #expect(try Shell.script("fpq-show ls /dev/stdin < '\(plain)'").output == listed.output)
  let folder = References.path("t5-b")
  let shards = try Shell.run("fpq-show", ["ls", folder, "--json"])
  guard case .array(let rows) = try json(shards.text) else {
    Issue.record("expected a JSON list")
    return
  }
  #expect(rows.count == (try Checkpoint(folder: folder).names.count))
}

@Test func `failures are one line and exit code one`() throws {
  for (arguments, input, line) in [
    (["ls", "/nowhere"], nil, "fpq-show: /nowhere: expected a safetensors file, found none\n"),
    (
      ["ls", "-"], Data("{\"json\": true}".utf8),
      "fpq-show: <stdin>: expected a safetensors file, found text\n"
    ),
    (["ls", "-"], nil, "fpq-show: <stdin>: expected a safetensors file, found 0 bytes\n"),
    (
      ["compare", plain, plain], nil,
      "fpq-show: \(plain): expected a PNG image, found another file\n"
    ),
    (
      ["histogram", plain, "c"], nil, "fpq-show: \(plain): expected tensor c, found none\n"
    ),
    (
      ["ls", References.path("pixart-alpha/../safetensors-hostile")], nil,
      "fpq-show: \(References.path("pixart-alpha/../safetensors-hostile")): "
        + "expected diffusion_pytorch_model.safetensors or model.safetensors, found none\n"
    ),
  ] as [([String], Data?, String)] {
    let result = try Shell.run("fpq-show", arguments, input: input)
    #expect(result.error == line)
    #expect(result.text == "")
    #expect(result.status == 1)
  }
}

@Test func `wrong arguments are exit code 64`() throws {
  for arguments in [
    ["ls"], ["nothing"], ["ls", plain, "--tsv", "--json"], ["diff", plain],
    ["histogram", plain, "a", "--bins", "0"], ["diff", plain, plain, "--min-sqnr", "nan"],
    ["compare", "a.png", "b.png", "--min-psnr", "x"],
  ] {
    let result = try Shell.run("fpq-show", arguments)
    #expect(result.status == 64, "\(arguments)")
    #expect(result.text == "")
    #expect(result.error.hasPrefix("Error: "))
  }
}

@Test func `thresholds are exit code two after the table`() throws {
  let folder = try TemporaryFolder()
  let a = try save(folder.file("a"), [floats("x", [3, 4])])
  let b = try save(folder.file("b"), [floats("x", [3, 4.5])])
  let good = try Shell.run("fpq-show", ["diff", a, b, "--min-sqnr", "20", "--tsv"])
  #expect(good.status == 0)
  #expect(
    good.text
      == "name\tdtype\tshape\tsqnr_db\tmax_abs\tnote\n"
      + "x\tF32\t[2]\t20.0\t0.5\t\n(all)\t\t\t20.0\t0.5\t\n")
  let bad = try Shell.run("fpq-show", ["diff", a, b, "--min-sqnr=20.5", "--tsv"])
  #expect(bad.status == 2)
  #expect(bad.text == good.text)
  #expect(
    bad.error
      == "fpq-show: x: expected an SQNR of 20.5 dB, found 20 dB (1 of 1 tensors miss it)\n")
  let equal = try Shell.run("fpq-show", ["diff", a, a, "--json", "--min-sqnr", "200"])
  #expect(equal.status == 0)
  guard case .array(let rows) = try json(equal.text) else {
    Issue.record("expected a JSON list")
    return
  }
  #expect(rows[0]["sqnr_db"] == .string("inf"))
}

@Test func `pictures compare`() throws {
  let sheet = References.path("emoji-pixart/sheet.png")
  let equal = try Shell.run("fpq-show", ["compare", sheet, sheet, "--min-psnr", "99"])
  #expect(
    equal.text
      == "psnr_db  ssim  sharpness  max_difference\n    inf     1          1               0\n")
  #expect(equal.status == 0)
  let folder = try TemporaryFolder()
  let image = try Image(png: sheet)
  let darker = try folder.write(
    "b.png",
    Image(width: image.width, height: image.height, pixels: image.pixels.map { $0 / 2 }).pngData())
  let psnr = try Shell.run("fpq-show", ["compare", sheet, darker, "--min-psnr", "60"])
  #expect(psnr.status == 2)
  #expect(psnr.error.hasPrefix("fpq-show: \(darker): expected a PSNR of 60 dB, found "))
  let ssim = try Shell.run(
    "fpq-show", ["compare", sheet, "-", "--min-ssim", "1", "--json"],
    input: try Data(contentsOf: URL(fileURLWithPath: darker)))
  #expect(ssim.status == 2)
  _ = try json(ssim.text)
}

@Test func `statistics warn of too few tokens on stderr`() throws {
  let folder = try TemporaryFolder()
  let path = try save(
    folder.file("stats"),
    [
      Tensor(name: "s.gram", dtype: .f64, shape: [1], values: [10.0]),
      Tensor(name: "s.sum", dtype: .f64, shape: [1], values: [2.0]),
      Tensor(name: "s.absmax", dtype: .f32, shape: [1], values: [Float(3)]),
      Tensor(name: "s.count", dtype: .f64, shape: [], values: [10.0]),
    ], metadata: ["fpq.kind": "stats"])
  let result = try Shell.run("fpq-show", ["stats", path, "--json"])
  #expect(
    result.error
      == "fpq-show: \(path): warning: 1 of 1 sites have fewer than 16 tokens per channel, "
      + "least s with 10\n")
  let report = try json(result.text)
  #expect(report["properties"]?["fpq.kind"] == .string("stats"))
  guard case .array(let sites)? = report["sites"] else {
    Issue.record("expected sites")
    return
  }
  #expect(sites[0]["rms"]?.double == 1)
}

@Test func `histograms are plotted by gnuplot`() throws {
  let folder = try TemporaryFolder()
  let picture = folder.file("h.png")
  let result = try Shell.run(
    "fpq-show", ["histogram", plain, "a", "--bins", "2", "--png", picture])
  #expect(result.status == 0)
  #expect(result.text.contains("##########"))
  #expect(try Image(png: picture).width == 900)
  let piped = try Shell.run("fpq-show", ["histogram", plain, "a", "--bins", "2", "--png", "-"])
  #expect(piped.output == FileManager.default.contents(atPath: picture))
  let without = try Shell.run(
    "fpq-show", ["histogram", plain, "a", "--png", folder.file("no.png")],
    environment: ["PATH": folder.path])
  #expect(without.status == 1)
  #expect(
    without.error
      == "fpq-show: gnuplot: expected it for plots, found none; apt install gnuplot-nox\n")
  #expect(try folder.contents == ["h.png"])
}

@Test func `names cannot steer the terminal`() throws {
  let folder = try TemporaryFolder()
  let path = try save(folder.file("x"), [floats("\u{1B}[2J\n", [1])])
  for arguments in [["ls", path], ["ls", path, "--tsv"], ["histogram", path, "\u{1B}[2J"]] {
    let result = try Shell.run("fpq-show", arguments)
    #expect(!(result.text + result.error).contains("\u{1B}"))
  }
}

@Test func `a folder that may not be read is named`() throws {
  let folder = try TemporaryFolder()
  chmod(folder.path, 0o311)
  // Root may read anything: then as another user.
  let user = geteuid() == 0 ? "setpriv --reuid 65534 --clear-groups" : ""
  for command in ["ls '\(folder.path)'", "compare '\(folder.path)' '\(folder.path)'"] {
    let result = try Shell.script("\(user) fpq-show \(command)")
    #expect(result.error == "fpq-show: \(folder.path): cannot be read: permission denied\n")
    #expect(result.status == 1)
  }
}
