import Foundation
import Platform
import TestSupport
import Testing

private func text(_ path: String) throws -> String {
  try String(contentsOfFile: path, encoding: .utf8)
}

private func mode(_ path: String) -> mode_t {
  var status = stat()
  stat(path, &status)
  return status.st_mode & 0o7777
}

@Test func `a file appears whole or not at all`() throws {
  let folder = try TemporaryFolder()
  let path = folder.file("out")
  do {
    let output = try OutputFile(path)
    try output.write("half".utf8)
    #expect(try folder.contents.allSatisfy { $0.hasSuffix(".part") })
  }
  #expect(try folder.contents == [])
  try folder.write("out", "old".utf8)
  do {
    let output = try OutputFile(path)
    try output.write("half".utf8)
    #expect(try text(path) == "old")
  }
  #expect(try text(path) == "old")
  let output = try OutputFile(path)
  try output.write("ne".utf8)
  try output.write("w".utf8)
  try output.commit()
  #expect(try text(path) == "new")
  #expect(try folder.contents == ["out"])
}

@Test func `two writers of one file do not meet`() throws {
  let folder = try TemporaryFolder()
  let (first, second) = (try OutputFile(folder.file("out")), try OutputFile(folder.file("out")))
  try first.write("first".utf8)
  try second.write("second".utf8)
  try second.commit()
  try first.commit()
  #expect(try text(folder.file("out")) == "first")
  #expect(try folder.contents == ["out"])
}

/// A killed process leaves what it wrote under its temporary name; one that runs still writes it.
@Test func `what killed processes left is removed`() throws {
  let folder = try TemporaryFolder()
  // Above any number that Linux gives.
  let dead = ["out.4194305.part", "out.4194305-1.part"]
  let other = [
    "out.\(getppid()).part", "out.part", "other.4194305.part", "out.x.part", "out.1.txt",
  ]
  for name in dead + other { try folder.write(name, "half".utf8) }
  let output = try OutputFile(folder.file("out"))
  try output.write("whole".utf8)
  try output.commit()
  #expect(try folder.contents == (other + ["out"]).sorted())
}

@Test func `a folder is refused before any work`() throws {
  let folder = try TemporaryFolder()
  #expect(throws: Failure(folder.path, "expected a file to write, found a folder")) {
    try OutputFile(folder.path)
  }
  let missing = folder.file("no/out")
  #expect(throws: Failure(missing, "cannot be written: no such file or directory")) {
    try OutputFile(missing)
  }
  #expect(throws: Failure("/proc/out", "cannot be written: no such file or directory")) {
    try OutputFile("/proc/out")
  }
  let below = try folder.write("plain", [1]) + "/out"
  #expect(throws: Failure(below, "cannot be written: not a directory")) { try OutputFile(below) }
  #expect(throws: Failure("expected the name of a file to write, found \"\"")) {
    try OutputFile("")
  }
  let slash = folder.file("new/")
  #expect(throws: Failure("expected the name of a file to write, found \"\(slash)\"")) {
    try OutputFile(slash)
  }
}

@Test func `a link is followed`() throws {
  let folder = try TemporaryFolder()
  let files = FileManager.default
  try files.createDirectory(atPath: folder.file("data"), withIntermediateDirectories: false)
  try folder.write("data/real", "old".utf8)
  try files.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "data/real")
  try files.createSymbolicLink(atPath: folder.file("second"), withDestinationPath: "link")
  try files.createSymbolicLink(atPath: folder.file("dangling"), withDestinationPath: "data/new")
  for (name, target) in [("link", "real"), ("second", "real"), ("dangling", "new")] {
    let output = try OutputFile(folder.file(name))
    try output.write(name.utf8)
    try output.commit()
    #expect(try text(folder.file("data/\(target)")) == name)
    #expect(try files.destinationOfSymbolicLink(atPath: folder.file(name)) != "")
  }
  try files.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
  #expect(
    throws: Failure(
      folder.file("loop"), "cannot be written: too many levels of symbolic links")
  ) { try OutputFile(folder.file("loop")) }
}

@Test func `permissions follow the umask and the file that was`() throws {
  let folder = try TemporaryFolder()
  let mask = umask(0)
  umask(mask)
  func write(_ name: String) throws {
    let output = try OutputFile(folder.file(name))
    try output.commit()
  }
  try write("new")
  #expect(mode(folder.file("new")) == 0o666 & ~mask)
  chmod(folder.file("new"), 0o600)
  try write("new")
  #expect(mode(folder.file("new")) == 0o600)
}

@Test func `devices and pipes are written straight to`() throws {
  let folder = try TemporaryFolder()
  let null = try OutputFile("/dev/null")
  try null.write("gone".utf8)
  try null.commit()
  #expect(FileManager.default.fileExists(atPath: "/dev/null"))

  let full = try OutputFile("/dev/full")
  #expect(throws: Failure("/dev/full", "cannot be written: no space left on device")) {
    try full.write("x".utf8)
  }
  let pipe = folder.file("pipe")
  #expect(mkfifo(pipe, 0o600) == 0)
  let read = DispatchSemaphore(value: 0)
  nonisolated(unsafe) var received = Data()
  Thread.detachNewThread {
    received = FileHandle(forReadingAtPath: pipe)?.readDataToEndOfFile() ?? Data()
    read.signal()
  }
  let output = try OutputFile(pipe)
  try output.write("through".utf8)
  try output.commit()
  read.wait()
  #expect(String(decoding: received, as: UTF8.self) == "through")
  #expect(try folder.contents == ["pipe"])
}

@Test func `long names leave room for the temporary one`() throws {
  let folder = try TemporaryFolder()
  let name = String(repeating: "é", count: 127)
  let output = try OutputFile(folder.file(name))
  try output.commit()
  #expect(try folder.contents == [name])
}

@Test func `progress draws any count`() {
  let progress = Progress("rounding", total: 3, unit: "layers")
  #expect(
    progress.line(done: 1, elapsed: 2)
      == "rounding [######..............] 1/3 0.50 layers/s, 0:04 left")
  #expect(progress.line(done: 0, elapsed: 2).hasSuffix("0/3 0.00 layers/s, ? left"))
  #expect(progress.line(done: 5, elapsed: 2).contains("[####################] 5/3"))
  #expect(Progress("x", total: .max, unit: "u").line(done: 1, elapsed: 1e9).hasSuffix("left"))
  #expect(Progress("x", total: 0, unit: "u").line(done: 0, elapsed: 0).hasSuffix("? left"))
}

@Test func `control characters do not reach the terminal`() {
  #expect(Console.printable("a\u{1B}[2Jb\nc\td\u{9B}é") == "a\\u001b[2Jb\\nc\\td\\u009bé")
}
