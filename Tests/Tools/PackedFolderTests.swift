import Foundation
import TestSupport
import Testing

/// `fpq-pack -o FOLDER`: what stands there is lost only if it is fpq-pack's own, and in one step.
struct PackedFolderTests {
  let fixture: Fixture
  let here: TemporaryFolder

  init() throws {
    fixture = try Fixture.shared()
    here = try TemporaryFolder()
  }

  private func pack(_ output: String = "out", _ options: String = "") throws -> Shell.Result {
    try Shell.script("fpq-pack -i \(fixture.codes) -o \(output) \(options)", in: here.path)
  }

  /// All that is in `folder`, and what each file holds.
  private func state(of folder: String = "out") throws -> String {
    try Shell.script(
      "cd \(folder) && find . -type f -o -type l | sort | xargs sha256sum; find . | sort",
      in: here.path
    ).text
  }

  private func packed(_ output: String = "out", _ options: String = "") throws {
    let result = try pack(output, options)
    #expect(result.status == 0, "\(result.error)")
  }

  @Test func `its own folder is replaced, an empty one filled`() throws {
    try packed()
    let whole = try state()
    #expect(whole.contains("./fpq-pack.json") && whole.contains("./vae/config.json"))
    try packed()
    #expect(try state() == whole)
    try packed("out", "--link")
    let linked = try state()
    #expect(linked != whole)
    try packed()
    #expect(try state() == whole)
    // What links lead to is not part of the folder.
    #expect(FileManager.default.fileExists(atPath: "\(Fixture.model)/vae/config.json"))
    _ = try Shell.script("mkdir -m 700 empty", in: here.path)
    try packed("empty/")
    #expect(try state(of: "empty") == whole)
    #expect(try Shell.script("stat -c %a empty", in: here.path).text == "700\n")
    // Also where it was moved or copied to.
    _ = try Shell.script("cp -r out copy", in: here.path)
    try packed("copy")
    #expect(try here.contents == ["copy", "empty", "out"])
  }

  /// What a user may have done with a packed folder, and the file that is named.
  @Test(arguments: [
    ("echo x > out/NOTES.txt", "NOTES.txt"),
    ("echo x > out/vae/.hidden", "vae/.hidden"),
    ("mkdir out/lora", "lora"),
    ("mkdir out/vae/lora && echo x > out/vae/lora/my.safetensors", "vae/lora"),
    ("ln -s ../codes out/link", "link"),
    ("mkfifo out/pipe", "pipe"),
    ("echo >> out/scheduler/scheduler_config.json", "scheduler/scheduler_config.json"),
    ("rm out/vae/config.json && mkdir out/vae/config.json", "vae/config.json"),
    ("cp -r out/vae mine && rm -r out/vae && ln -s ../mine out/vae", "vae"),
    // Of the same size.
    (
      "printf X | dd of=out/vae/diffusion_pytorch_model.safetensors bs=1 seek=9999 conv=notrunc",
      "vae/diffusion_pytorch_model.safetensors"
    ),
    ("rm out/fpq-pack.json", "model_index.json"),
    ("echo '{}' > out/fpq-pack.json", "fpq-pack.json"),
  ])
  func `what others have put there is kept`(_ change: String, _ found: String) throws {
    try packed()
    let changed = try Shell.script(change, in: here.path)
    #expect(changed.status == 0, "\(changed.error)")
    let before = try state()
    let result = try pack()
    #expect(
      isOneLine(result, from: "fpq-pack", saying: "out: ", found), "\(change): \(result.error)")
    #expect(try state() == before, "\(change)")
    #expect(try here.contents.allSatisfy { !$0.hasSuffix(".part") })
  }

  @Test func `another model's folder is kept, however it is reached`() throws {
    _ = try Shell.script(
      """
      cp -r \(Fixture.model) mine && mkdir mine/lora && echo x > mine/lora/my.safetensors
      ln -s mine link; ln -s link second; mkdir sub; ln -s ../mine sub/up
      """, in: here.path)
    let before = try state(of: "mine")
    for name in ["mine", "mine/", "link", "second", "second/", "sub/up", "sub/../mine"] {
      let result = try pack(name)
      #expect(
        isOneLine(result, from: "fpq-pack", saying: "that fpq-pack did not write"),
        "\(name): \(result.error)")
      #expect(try state(of: "mine") == before)
    }
    // Nor may it lie in a part that is copied, or hold the codes.
    for name in ["mine/vae/new", "mine/transformer"] {
      let result = try pack(name, "-m mine")
      #expect(isOneLine(result, from: "fpq-pack", saying: name), "\(name): \(result.error)")
      #expect(try state(of: "mine") == before)
    }
  }

  @Test func `links stay, and lead to the new folder`() throws {
    _ = try Shell.script("mkdir data && ln -s data/big out && ln -s out second", in: here.path)
    for name in ["out", "second", "out/", "second//"] {
      try packed(name)
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: here.file("out")) == "data/big")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: here.file("data")) == ["big"])
      #expect(try state(of: "data/big").contains("./fpq-pack.json"))
    }
  }

  /// Whatever the moment, a model that opens has the name, the old one or the new one.
  @Test func `a kill leaves a whole model, and the next run what it left behind`() throws {
    try packed()
    let whole = try state()
    let start = Date()
    try packed()
    let time = Date().timeIntervalSince(start)
    var kills = 0
    // At moments all through a run, and often at its end, where the name is given.
    for number in 0..<40 {
      let seconds = time * (number < 10 ? 0.1 * Double(number + 1) : 0.7 + 0.015 * Double(number))
      let result = try Shell.script(
        "timeout -s KILL \(seconds) fpq-pack -i \(fixture.codes) -o out", in: here.path)
      kills += result.status == 128 + SIGKILL ? 1 : 0
      #expect(try state() == whole)
    }
    #expect(kills > 5)
    try packed()
    #expect(try here.contents == ["out"])
  }

  @Test func `two at once leave a whole model`() throws {
    let command = "fpq-pack -i \(fixture.codes) -o out"
    for _ in 0..<3 {
      let result = try Shell.script(
        "\(command) & first=$!; \(command) & second=$!; wait $first && wait $second", in: here.path)
      #expect(result.status == 0, "\(result.error)")
      #expect(try here.contents == ["out"])
    }
    let whole = try state()
    try packed("alone")
    #expect(try state(of: "alone") == whole)
  }

  @Test func `folders of dead processes go, others stay`() throws {
    // Above any number that Linux gives.
    let dead = ["out.4194305.part", "out.4194305-1.part"]
    let other = [
      "out.\(getpid()).part", "out.part", "outer.4194305.part", "out.x.part", "out.4194305x.part",
      "out.04194305.part", "out.4194305.old.part", "out.4194305",
    ]
    for name in dead + other {
      _ = try Shell.script("mkdir \(name) && echo x > \(name)/file", in: here.path)
    }
    // A file of such a name was nothing of a folder's.
    try here.write("out.4194306.part", "x".utf8)
    // One that a process of another container holds.
    _ = try Shell.script("mkdir out.4194307.part", in: here.path)
    let held = open(here.file("out.4194307.part"), O_RDONLY)
    flock(held, LOCK_EX)
    try packed()
    close(held)
    #expect(
      try here.contents == (other + ["out", "out.4194306.part", "out.4194307.part"]).sorted())
  }

  /// What a run on a file system without the exchange leaves when it is killed between its two steps.
  @Test func `what was put aside is put back, or goes`() throws {
    try packed()
    let whole = try state()
    _ = try Shell.script("mv out out.4194305.old && mkdir out.4194305.part", in: here.path)
    let result = try pack("out", "-m /nonexistent")
    #expect(result.status == 1)
    try packed()
    #expect(try state() == whole)
    #expect(try here.contents == ["out"])
    _ = try Shell.script("cp -r out out.4194305.old", in: here.path)
    try packed()
    #expect(try here.contents == ["out"])
  }
}
