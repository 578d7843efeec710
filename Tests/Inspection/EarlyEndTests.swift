import Foundation
import Platform
import TestSupport
import Testing

/// What is left behind, and what the shell sees, when a tool that writes a file ends early.
///
/// `histogram --png` opens its output first and then waits for its input, a pipe that stays open.
private let plain = References.path("safetensors-hostile/ok_plain.safetensors")

@Test(arguments: [("INT", 130), ("TERM", 143), ("HUP", 129)] as [(String, Int32)])
func `signals leave no partial file`(_ signal: String, _ status: Int32) throws {
  let folder = try TemporaryFolder()
  try folder.write("out.png", "old".utf8)
  // `timeout` gives the tool its signals back, which a shell takes from background jobs. The loop
  // waits until the temporary file is there, so that the signal meets the tool at work.
  let result = try Shell.script(
    """
    mkfifo pipe
    sleep 60 > pipe & holder=$!
    timeout --foreground -s KILL 30 sh -c 'echo $$ > pid; exec fpq-show histogram pipe a --png out.png' & tool=$!
    while ! ls out.png.*.part > found 2> /dev/null; do sleep 0.02; done
    kill -\(signal) $(cat pid)
    wait $tool; status=$?
    kill $holder
    exit $status
    """, in: folder.path)
  #expect(result.status == status)
  #expect(try folder.contents.filter { $0.hasPrefix("out") } == ["out.png"])
  #expect(try String(contentsOfFile: folder.file("out.png"), encoding: .utf8) == "old")
}

@Test func `a reader that goes away ends us quietly and leaves no partial file`() throws {
  let folder = try TemporaryFolder()
  // The tool starts after its reader has gone.
  let result = try Shell.script(
    "{ sleep 0.2; fpq-show histogram '\(plain)' a --png out.png; echo $? > status; } | true; sleep 1",
    in: folder.path)
  #expect(result.error == "")
  #expect(try String(contentsOfFile: folder.file("status"), encoding: .utf8) == "141\n")
  #expect(try folder.contents == ["status"])
}

@Test func `a full disk is one line and no file`() throws {
  let list = try Shell.script("fpq-show ls '\(plain)' > /dev/full")
  #expect(list.error == "fpq-show: <stdout>: cannot be written: no space left on device\n")
  #expect(list.status == 1)
  let picture = try Shell.script("fpq-show histogram '\(plain)' a --png - > /dev/full")
  #expect(picture.error == "fpq-show: <stdout>: cannot be written: no space left on device\n")
  #expect(picture.status == 1)
  let device = try Shell.run("fpq-show", ["histogram", plain, "a", "--png", "/dev/full"])
  #expect(device.error == "fpq-show: /dev/full: cannot be written: no space left on device\n")
  #expect(device.status == 1)
}

@Test func `a file that may not grow is one line and no file`() throws {
  let folder = try TemporaryFolder()
  func plot(limit: Int, path: String = "$PATH") throws -> Shell.Result {
    try Shell.script(
      "PATH=\(path); ulimit -S -f \(limit); fpq-show histogram '\(plain)' a --png out.png > /dev/null",
      in: folder.path)
  }
  // In blocks of 512 bytes: one stops our script for gnuplot, three its picture, which it does not
  // notice.
  for limit in [1, 3] {
    let limited = try plot(limit: limit)
    #expect(limited.status == 1)
    #expect(limited.error.hasPrefix("fpq-show: "))
    #expect(limited.error.filter { $0 == "\n" }.count == 1)
    #expect(try folder.contents == [])
  }
  // A gnuplot without the limit: then it is our own output that is cut.
  try FileManager.default.createDirectory(
    atPath: folder.file("bin"), withIntermediateDirectories: false)
  let stub = try folder.write(
    "bin/gnuplot",
    "#!/bin/sh\nulimit -S -f unlimited\ncat '\(References.path("emoji-pixart/sheet.png"))'\n".utf8)
  chmod(stub, 0o755)
  let cut = try plot(limit: 3, path: "bin:$PATH")
  #expect(cut.error == "fpq-show: out.png: cannot be written: file too large\n")
  #expect(cut.status == 1)
  #expect(try folder.contents == ["bin"])
}

@Test func `closed standard descriptors are errors not corruption`() throws {
  let folder = try TemporaryFolder()
  let closed = try Shell.script("fpq-show ls '\(plain)' >&-", in: folder.path)
  #expect(closed.error == "fpq-show: <stdout>: cannot be written: bad file descriptor\n")
  #expect(closed.status == 1)
  let input = try Shell.script("fpq-show ls - <&-", in: folder.path)
  #expect(input.error == "fpq-show: <stdin>: cannot be read: bad file descriptor\n")
  #expect(try Shell.script("fpq-show ls /nowhere 2>&-").status == 1)
  #expect(try Shell.script("fpq-show ls /nowhere 2>/dev/full").status == 1)
}

@Test func `a terminal is no place for binary data`() throws {
  // `script` runs its command on a terminal of its own; what it prints ends its lines with CR LF.
  let output = try Shell.run(
    "/usr/bin/script", ["-qec", "fpq-show histogram '\(plain)' a --png -", "/dev/null"])
  #expect(
    output.text
      == "fpq-show: <stdout>: expected a file or a pipe for binary data, found a terminal\r\n")
  #expect(output.status == 1)
  let input = try Shell.run("/usr/bin/script", ["-qec", "fpq-show ls -", "/dev/null"])
  #expect(input.text == "fpq-show: <stdin>: expected a safetensors file, found a terminal\r\n")
}

@Test func `a place that cannot be written is known before the work`() throws {
  let folder = try TemporaryFolder()
  // The input does not exist either: the output is looked at first.
  let missing = try Shell.run(
    "fpq-show", ["histogram", "/nowhere", "a", "--png", folder.file("no/out.png")])
  #expect(
    missing.error
      == "fpq-show: \(folder.file("no/out.png")): cannot be written: no such file or directory\n")
  // Root may write anywhere: then as another user.
  chmod(folder.path, 0o555)
  let user = geteuid() == 0 ? "setpriv --reuid 65534 --clear-groups" : ""
  let readOnly = try Shell.script(
    "\(user) fpq-show histogram '\(plain)' a --png '\(folder.file("out.png"))'")
  #expect(
    readOnly.error
      == "fpq-show: \(folder.file("out.png")): cannot be written: permission denied\n")
  #expect(readOnly.status == 1)
}

@Test func `a long stream needs room in TMPDIR`() throws {
  let folder = try TemporaryFolder()
  // A header that announces 100 MB, and 70 MB of zeros.
  let header = #"{"x":{"dtype":"U8","shape":[100000000],"data_offsets":[0,100000000]}}"#
  var length = UInt64(header.utf8.count).littleEndian
  try folder.write("start", withUnsafeBytes(of: &length) { Array($0) } + Array(header.utf8))
  let command = "{ cat start; head -c 70000000 /dev/zero; } | fpq-show ls -"
  let nowhere = try Shell.script(command, in: folder.path, environment: ["TMPDIR": "/nowhere"])
  #expect(
    nowhere.error
      == "fpq-show: <stdin>: cannot be kept in TMPDIR, /nowhere: no such file or directory\n")
  let short = try Shell.script(command, in: folder.path, environment: ["TMPDIR": folder.path])
  #expect(
    short.error == "fpq-show: <stdin>: expected 100000000 bytes of data, found 70000000\n")
  #expect(short.status == 1)
  #expect(try folder.contents == ["start"])
}
