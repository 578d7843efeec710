"""Prints a digest of what a statistics file holds, whether its Gram matrices are whole or triangles."""
import hashlib
import json
import struct
import sys

data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
metadata = header.pop("__metadata__")
digest = hashlib.sha256()
for key in ("fpq.model.sha256", "fpq.settings", "fpq.prompts", "fpq.history"):
    digest.update(metadata[key].encode())
for name in sorted(header):
    if "aspect_ratio_embedder" in name:  # a fault of older versions: never counted
        continue
    tensor = header[name]
    start, end = tensor["data_offsets"]
    content, shape = body[start:end], tensor["shape"]
    if name.endswith(".gram") and len(shape) == 2:
        width = 8 * shape[1]
        content = b"".join(content[r * width + 8 * r : (r + 1) * width] for r in range(shape[0]))
    digest.update(f"{name} {tensor['dtype']} ".encode() + content)
print(digest.hexdigest()[:32])
