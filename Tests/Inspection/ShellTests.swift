import Foundation
import TestSupport
import Testing

@Test func `shell feeds and drains more than a pipe holds`() throws {
  let input = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) })
  let echo = try Shell.script("tee /dev/stderr | cat", input: input)
  #expect(echo.output == input)
  #expect(echo.status == 0)
}

@Test func `shell reports exit codes signals and unread input`() throws {
  #expect(try Shell.script("exit 3").status == 3)
  #expect(try Shell.script("kill -TERM $$").status == 128 + 15)
  #expect(try Shell.script("exit 0", input: Data(count: 1_000_000)).status == 0)
  #expect(try Shell.script("echo oops >&2").error == "oops\n")
}

@Test func `tools are on the path`() throws {
  #expect(try Shell.run("fpq-show", ["--help"]).text.contains("USAGE"))
  #expect(try Shell.script("fpq-show --help").status == 0)
}
