import Foundation
import TestSupport
import Testing

/// Takes minutes, so only where all is tried.
@Test(.enabled(if: triesAll))
func `a thousand prompts take no more memory than a hundred`() throws {
  let folder = try TemporaryFolder()
  let prompts = (0..<1000).map { "red heart number \($0)\n" }.joined()
  // Twice a second, how many pictures there are, and the resident kilobytes.
  let result = try Shell.script(
    """
    cat > prompts; mkdir pictures
    dit-run -m '\(References.path("pipeline-sigma/pipeline"))' --steps 1 -f - -o pictures/%d.png \
      < prompts &
    while kill -0 $! 2> /dev/null; do
      echo $(ls pictures | wc -l) $(awk '/VmRSS/ { print $2 }' /proc/$!/status)
      sleep 0.5
    done
    wait $!
    """, in: folder.path, input: Data(prompts.utf8))
  #expect(result.status == 0, "\(result.error)")
  #expect(
    try FileManager.default.contentsOfDirectory(atPath: folder.file("pictures")).count == 1000)
  let samples = result.text.split(separator: "\n").map {
    $0.split(separator: " ").compactMap { Int($0) }
  }
  .filter { $0.count == 2 }
  let (early, late) = (
    samples.filter { (50..<300).contains($0[0]) }.map { $0[1] }.max() ?? 0,
    samples.filter { (800..<1000).contains($0[0]) }.map { $0[1] }.max() ?? .max
  )
  #expect(early > 0 && late < early + early / 20 + 1024, "\(samples)")
}
