"""Reads a provider's schema out of the package that the Terraform CDK makes of it: its JavaScript
says of every argument its name, its type and whether it must be there; apart from the tests because
a provider's own program cannot be had from a package registry, and this is the next best witness.
"""

import io
import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Block = dict[str, Any]

CLASS = re.compile(r"^(?:export )?class (\w+) extends cdkt[fn]\.(?:Complex|Terraform)", re.M)
# A block within a block, a value, and whether the provider fills in a value that nobody gave.
NESTED = re.compile(r'_(\w+) = new (?:\w+\.)?(\w+)\(this, "(\w+)"(?:, (true|false))?\)')
VALUE = re.compile(
    r"get (\w+)\(\) \{\s+return .*?(Fn\.tolist\()?"
    r"this\.(?:get(\w+)Attribute|interpolationForAttribute)\('(\w+)'\)"
)
COMPUTED = re.compile(r"// (\w+) - computed: true, optional: true")
KNOWN = re.compile(r"// (\w+) - computed: ")
WRITTEN = re.compile(
    r"^ +(\w+): \{\s+value: (.*),\s+isBlock: (\w+),\s+type: \"(\w+)\","
    r"\s+storageClassType: \"(\w+)\"",
    re.M,
)
WRITER = re.compile(r"\b(\w+ToHclTerraform)\b")
TYPES: dict[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "StringList": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}


class Source:
    """The JavaScript of one resource, data source or provider."""

    def __init__(self, text: str, attributes_nest: bool) -> None:
        starts = [(match[1], match.start()) for match in CLASS.finditer(text)]
        ends = [start for _, start in starts[1:]] + [len(text)]
        self.classes = {
            name: text[start:end] for (name, start), end in zip(starts, ends, strict=True)
        }
        self.text = text
        self.attributes_nest = attributes_nest

    def read_block(self, name: str) -> Block:
        """What may stand in a block, from the class that stands for it."""
        body = self.classes[name]
        made: Block = {"attributes": {}, "blocks": {}}
        for place, is_set, getter, argument in VALUE.findall(body):
            flags = read_flags(body, place, argument)
            made["attributes"][argument] = {**flags, "type": read_type(is_set, getter)}
        for place, kind, argument, wraps in NESTED.findall(body):
            flags = read_flags(body, place, argument)
            if kind in TYPES:
                made["attributes"][argument] = {**flags, "type": TYPES[kind]}
            elif kind + "OutputReference" not in self.classes and kind.endswith("Map"):
                made["attributes"][argument] = {**flags, "type": "dynamic"}
            else:
                self.add_nested(made, argument, (kind, wraps == "true"), flags)
        return made

    def add_nested(
        self, made: Block, name: str, place: tuple[str, bool], flags: dict[str, bool]
    ) -> None:
        kind, is_set = place
        many = kind.endswith("List")
        inner = self.read_block(kind.removesuffix("List") + "OutputReference" if many else kind)
        nesting = "set" if is_set else "single" if name == "timeouts" else "list"
        if not (flags["optional"] or flags["required"]):
            made["attributes"][name] = {**flags, "type": [nesting, type_of(inner)]}
        elif self.attributes_nest and name != "timeouts":
            made["attributes"][name] = {**flags, "nested": inner, "nesting": nesting}
        else:
            limits = {"min": int(flags["required"]), "max": 0 if many else 1}
            made["blocks"][name] = {"block": inner, "nesting": nesting}
            made["blocks"][name] |= {} if nesting == "single" else limits

    def read_written(self, writer: str) -> Block:
        """What may stand in a block, from the function that writes it: all that a provider's own
        block has. Nothing of it is required."""
        start = self.text.index(writer)
        indent = "    " if writer.startswith("function") else "        "
        body = self.text[start : self.text.index(f"\n{indent}}};", start)]
        made: Block = {"attributes": {}, "blocks": {}}
        for name, value, is_block, kind, storage in WRITTEN.findall(body):
            inner = [one for one in WRITER.findall(value) if f"function {one}(struct)" in self.text]
            if is_block == "true" and inner:
                self.add_written(made, name, f"function {inner[0]}(struct)", kind)
            else:
                kind_of = TYPES.get(storage[:1].upper() + storage[1:], "dynamic")
                made["attributes"][name] = {"optional": True, "type": kind_of}
        return made

    def add_written(self, made: Block, name: str, writer: str, kind: str) -> None:
        inner = self.read_written(writer)
        if self.attributes_nest:
            nesting = "single" if kind == "struct" else kind
            made["attributes"][name] = {"optional": True, "nested": inner, "nesting": nesting}
        else:
            made["blocks"][name] = {"block": inner, "nesting": "list"}


def read_flags(body: str, place: str, argument: str) -> dict[str, bool]:
    """Who gives a value: whoever writes the root, or the provider, or either."""
    title = place[:1].upper() + place[1:]
    settable = f"set {place}(" in body or f"put{title}(" in body
    optional = f"reset{title}(" in body
    said = any(found == argument for found in KNOWN.findall(body))
    computed = argument in COMPUTED.findall(body) or not said
    return {
        "computed": not settable or (optional and computed),
        "optional": settable and optional,
        "required": settable and not optional,
    }


def read_type(is_set: str, getter: str) -> Any:
    found = TYPES.get(getter, "dynamic")
    return ["set", found[1]] if is_set and isinstance(found, list) else found


def type_of(block: Block) -> Any:
    """The type of a block that nobody writes."""
    parts = {name: one["type"] for name, one in block["attributes"].items()}
    return ["object", parts]


def read_schema(wheel: Path, name: str, used: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The schema of a provider as stand_in/ wants it, of what is used: (resource or data, type)."""
    wanted = {file_of(kind, kind_name): (kind, kind_name) for kind, kind_name in used}
    texts = read_files(wheel, {"package/lib/provider/index.js", *wanted})
    nest = name == "helm"
    provider = Source(texts["package/lib/provider/index.js"], nest)
    made: dict[str, Any] = {"resources": {}, "data": {}, "version": read_version(provider.text)}
    made["provider"] = provider.read_written("    synthesizeHclAttributes() {")
    for file, (kind, kind_name) in wanted.items():
        if file not in texts:
            raise LookupError(f"the provider {name} knows no {kind} {kind_name}")
        source = Source(texts[file], nest)
        [top] = [
            one for one, body in source.classes.items() if f'tfResourceType = "{kind_name}"' in body
        ]
        made["resources" if kind == "resource" else "data"][kind_name] = source.read_block(top)
    return made


def file_of(kind: str, name: str) -> str:
    folder = name.partition("_")[2].replace("_", "-")
    whole = name.replace("_", "-")
    return f"package/lib/{'data-' + whole if kind == 'data' else folder}/index.js"


def read_version(text: str) -> str:
    found = re.search(r"providerVersion: '([\d.]+)'", text)
    assert found is not None
    return found[1]


def read_files(wheel: Path, names: set[str]) -> dict[str, str]:
    """The files of these names, the largest of which come with their structures in files beside."""
    found = dict.fromkeys(sorted(names), "")
    with zipfile.ZipFile(wheel) as outer:
        [inner] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as files:
            for one in files:
                name = re.sub(r"/(index-)?structs/structs\d+\.js$", "/index.js", one.name)
                if name in found:
                    found[name] += read(files, one)
    return {name: text for name, text in found.items() if text}


def read(files: tarfile.TarFile, one: tarfile.TarInfo) -> str:
    opened = files.extractfile(one)
    assert opened is not None
    return opened.read().decode()
