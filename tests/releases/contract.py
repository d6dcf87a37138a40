"""What one release writes of an event and the other does not take, told from their JSON Schemas;
apart from the tests, because it is itself tested.

A reader takes more than it knows, so a field may be added. It takes no less than it needs, and
nothing of another kind: a change of a field that both know is refused on one of the two sides.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

Schema: TypeAlias = dict[str, Any]

WORDS = {"title", "description"}


def list_refusals(writer: Schema, reader: Schema) -> list[str]:
    """Each reason why an event that fits `writer` does not fit `reader`."""
    return list(_compare(resolve(writer), resolve(reader), ""))


def list_removed(before: Schema, after: Schema) -> list[str]:
    """The fields that are no more, at any depth: what they said would be lost unseen."""
    gone = set(_list_fields(resolve(before), "")) - set(_list_fields(resolve(after), ""))
    return [f"{_name(place)} is not known any more" for place in sorted(gone)]


def _list_fields(schema: Any, place: str) -> Iterator[str]:
    for one in schema.get("anyOf", [schema]):
        for name, field in one.get("properties", {}).items():
            yield f"{place}.{name}"
            yield from _list_fields(field, f"{place}.{name}")
        if isinstance(one.get("items"), dict):
            yield from _list_fields(one["items"], f"{place}[]")


def resolve(schema: Schema) -> Schema:
    """The same without references and words for people."""
    found: Schema = _resolve(schema, schema.get("$defs", {}))
    return {key: value for key, value in found.items() if key not in {"$defs", "$schema"}}


def _resolve(part: Any, parts: Schema) -> Any:
    if isinstance(part, list):
        return [_resolve(one, parts) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolve(parts[part["$ref"].rpartition("/")[2]], parts)
    return {
        key: _resolve_properties(value, parts) if key == "properties" else _resolve(value, parts)
        for key, value in part.items()
        if key not in WORDS and key != "$defs"
    }


def _resolve_properties(fields: Schema, parts: Schema) -> Schema:
    """Fields may be called as the words of a schema are."""
    return {name: _resolve(field, parts) for name, field in fields.items()}


def _compare(writer: Any, reader: Any, place: str) -> Iterator[str]:
    if writer == reader:
        return
    if "default" in writer and "default" in reader:
        yield from _compare_defaults(writer["default"], reader["default"], place)
    writer, reader = _without(writer, "default"), _without(reader, "default")
    if "properties" in writer and "properties" in reader:
        yield from _compare_objects(writer, reader, place)
    elif writer.get("type") == reader.get("type") == "array":
        yield from _compare(writer.get("items", {}), reader.get("items", {}), f"{place}[]")
    else:
        yield from _compare_choices(_choices(writer), _choices(reader), place)


def _compare_defaults(written: Any, read: Any, place: str) -> Iterator[str]:
    if written != read:
        means = f"{_show(written)} to who writes it, {_show(read)} to who reads it"
        yield f"{_name(place)}, where it is left out, is {means}"


def _compare_objects(writer: Schema, reader: Schema, place: str) -> Iterator[str]:
    written, read = writer["properties"], reader["properties"]
    for name in sorted(written.keys() & read.keys()):
        yield from _compare(written[name], read[name], f"{place}.{name}")
    for name in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
        yield f"{_name(f'{place}.{name}')} is needed by who reads it, and not always written"
    if reader.get("additionalProperties") is False:
        for name in sorted(written.keys() - read.keys()):
            yield f"{_name(f'{place}.{name}')} is refused by who reads it, who does not know it"


def _choices(schema: Schema) -> list[Schema]:
    """What may stand there, each value of an enum by itself."""
    return [
        {"const": value} if value is not None else one
        for one in schema.get("anyOf", [schema])
        for value in one.get("enum", [None])
    ]


def _compare_choices(written: list[Schema], read: list[Schema], place: str) -> Iterator[str]:
    for one in written:
        if _is_among(one, read):
            continue
        alike = [other for other in read if _is_alike(one, other)]
        if len(alike) == 1:
            yield from _compare(one, alike[0], place)
        else:
            known = " or ".join(map(_show, read))
            yield f"{_name(place)} may be {_show(one)}; who reads it takes {known}"


def _is_among(one: Schema, read: list[Schema]) -> bool:
    named = {"type": "string"} if isinstance(one.get("const"), str) else one
    return {} in read or one in read or named in read


def _is_alike(one: Schema, other: Schema) -> bool:
    """Whether a closer look at both tells more."""
    objects = "properties" in one and "properties" in other
    return objects or one.get("type") == other.get("type") == "array"


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _name(place: str) -> str:
    return place.removeprefix(".") or "the event"


def _show(part: Any) -> str:
    return msgspec.json.encode(part).decode()
