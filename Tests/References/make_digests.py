"""Writes digests/small.safetensors, whose table of digests follows its definition in FILES.md."""
import hashlib
import json
import pathlib
import struct

import numpy

tensors = {
    "b": numpy.arange(5, dtype="uint8"),
    "a.scales": numpy.linspace(-1, 1, 6, dtype="float32").reshape(2, 3),
    "scalar": numpy.float64(0.1),
    "empty": numpy.zeros((0, 4), dtype="float16"),
    'ü "quoted"\n': numpy.arange(4, dtype="int64"),
}
types = {"uint8": "U8", "float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64"}
metadata = {"fpq.kind": "codes", "fpq.history": "one\ntwo ü \\ \"", "format": "pt", "fpq.empty": ""}


def quote(text):
    """A JSON string in which only what must be is escaped, control characters by number."""
    escape = lambda c: "\\" + c if c in '"\\' else f"\\u{ord(c):04x}" if c < " " else c
    return '"' + "".join(map(escape, text)) + '"'


table, lines = b"", ""
for name in sorted(tensors, key=str.encode):
    array = numpy.asarray(tensors[name])
    table += hashlib.sha256(array.tobytes()).digest()
    lines += f"{quote(name)} {types[str(array.dtype)]} [{','.join(map(str, array.shape))}]\n"
for key in sorted(metadata):
    if key.startswith("fpq."):
        lines += f"{quote(key)}:{quote(metadata[key])}\n"
table += hashlib.sha256(lines.encode()).digest()
tensors["fpq.sha256"] = numpy.frombuffer(table, dtype="uint8").reshape(-1, 32)

header, data = {"__metadata__": metadata}, b""
for name, array in tensors.items():
    array = numpy.asarray(array)
    offsets = [len(data), len(data) + array.nbytes]
    header[name] = {"dtype": types[str(array.dtype)], "shape": array.shape, "data_offsets": offsets}
    data += array.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
folder = pathlib.Path(__file__).parent / "digests"
folder.mkdir(exist_ok=True)
(folder / "small.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
