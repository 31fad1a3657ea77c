#!/usr/bin/env python3
"""Random JSON schemas: every text of our grammar is valid for jsonschema, and has what a generator of
valid values makes.

    schema_test.py GENERATE_TEXTS [--count N] [--seed N]

Without jsonschema (Debian: python3-jsonschema) the test is skipped.
"""
import argparse
import json
import random
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: this Python has no jsonschema (Debian: python3-jsonschema)")
    sys.exit(77)

NAMES = ["a", "b", "ab", "name", "é", "with \"quotes\"", "x1"]
# Patterns, and a text that each is found in.
PATTERNS = [("^a+b?$", "aab"), ("[0-9]", "x123"), ("^(x|yz)*-\\d$", "xyz-1"), ("^[^a-f]$", "z"),
            ("^\\w+@\\w+\\.com$", "me@it.com"), ("^\\s*$", " \t"), ("^q.{1,2}r$", "qéér")]


def make(source, depth, definitions):
    """A schema, and a value that is valid."""
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "const", "pattern", "format"]
    if depth > 0:
        kinds += ["object"] * 4 + ["array"] * 3 + ["anyOf", "allOf", "tuple", "open", "types", "ref"]
    kind = source.choice(kinds)
    if kind == "string":
        low, high = sorted((source.randrange(4), source.randrange(8)))
        schema = {"type": "string"}
        if source.random() < 0.5:
            schema["minLength"] = low
        if source.random() < 0.5:
            schema["maxLength"] = high
        return schema, "é\n"[:max(0, min(high, 2))] + "x" * max(0, low - 2 if high >= 2 else low)
    if kind == "integer":
        low = source.randrange(-200, 200)
        high = low + source.randrange(300)
        schema, value = {"type": "integer"}, source.randint(low, high)
        if source.random() < 0.6:
            schema["minimum"] = low
        if source.random() < 0.6:
            schema["maximum"] = high
        return schema, value
    if kind == "number":
        low = source.randrange(-20, 20)
        high = low + 1 + source.randrange(30)
        schema, value = {"type": "number"}, low + 0.5
        if source.random() < 0.6:
            schema[source.choice(["minimum", "exclusiveMinimum"])] = low
        if source.random() < 0.6:
            schema[source.choice(["maximum", "exclusiveMaximum"])] = high
        return schema, value
    if kind == "boolean":
        return {"type": "boolean"}, source.random() < 0.5
    if kind == "null":
        return {"type": "null", "description": "nothing"}, None
    if kind == "enum":
        values = [1, "two", None, [1, {"k": "é"}], {"a": -2.5}, True, "q\"\\\n"]
        values = source.sample(values, 1 + source.randrange(4))
        return {"enum": values}, source.choice(values)
    if kind == "const":
        return {"const": {"x": [1, 2]}}, {"x": [1, 2]}
    if kind == "pattern":
        pattern, value = source.choice(PATTERNS)
        return {"type": "string", "pattern": pattern}, value
    if kind == "format":
        name, value = source.choice([("date", "2023-05-31"), ("uuid", "0a1b2c3d-0000-1111-2222-333344445555"),
                                     ("date-time", "2023-05-31T10:20:30Z"), ("ipv4", "192.168.0.255")])
        return {"type": "string", "format": name}, value
    if kind == "object":
        schema = {"type": "object", "properties": {}, "required": []}
        value = {}
        for name in source.sample(NAMES, source.randrange(5)):
            inner, one = make(source, depth - 1, definitions)
            schema["properties"][name] = inner
            needed = source.random() < 0.5
            if needed:
                schema["required"].append(name)
            if needed or source.random() < 0.5:
                value[name] = one
        if source.random() < 0.5:
            schema["additionalProperties"] = False
        return schema, value
    if kind == "open":
        inner, one = make(source, depth - 1, definitions)
        other, two = make(source, depth - 1, definitions)
        schema = {"type": "object", "properties": {"ab": inner}, "additionalProperties": other}
        return schema, source.choice([{"ab": one, "a": two}, {"abc": two, "b": two}, {}])
    if kind == "array":
        inner, one = make(source, depth - 1, definitions)
        low, high = sorted((source.randrange(3), source.randrange(5)))
        schema = {"type": "array", "items": inner}
        if source.random() < 0.5:
            schema["minItems"] = low
        if source.random() < 0.5:
            schema["maxItems"] = high
        return schema, [one] * source.randint(low, high)
    if kind == "tuple":
        first, one = make(source, depth - 1, definitions)
        second, two = make(source, depth - 1, definitions)
        schema = {"type": "array", "prefixItems": [first, second], "items": False}
        if source.random() < 0.5:
            schema["minItems"] = 1
        return schema, source.choice([[one], [one, two]])
    if kind == "types":
        return {"type": ["integer", "null", "string"], "maximum": 9, "maxLength": 3}, \
            source.choice([9, None, "abc"])
    if kind == "anyOf":
        first, one = make(source, depth - 1, definitions)
        second, two = make(source, depth - 1, definitions)
        return {"anyOf": [first, second]}, source.choice([one, two])
    if kind == "allOf":
        inner, one = make(source, depth - 1, definitions)
        return {"allOf": [inner, {"title": "more"}]}, one
    name = f"d{len(definitions)}"
    definitions[name] = {}
    inner, one = make(source, depth - 1, definitions)
    definitions[name] = {"type": "object", "required": ["v"], "additionalProperties": False,
                         "properties": {"v": inner,
                                        "next": {"$ref": f"#/$defs/{name}"}}}
    return {"$ref": f"#/$defs/{name}"}, source.choice([{"v": one}, {"v": one, "next": {"v": one}}])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    source = random.Random(options.seed)
    cases = []
    for _ in range(options.count):
        definitions = {}
        schema, value = make(source, 2, definitions)
        if definitions:
            schema = {**schema, "$defs": definitions}
        cases.append((schema, value))
    lines = "".join(json.dumps({"schema": json.dumps(schema), "seed": i, "count": 5, "accepts": [
        json.dumps(value, ensure_ascii=False, separators=separators)
        for separators in ((",", ":"), (", ", ": "))]}) + "\n"
        for i, (schema, value) in enumerate(cases))
    made = subprocess.run([options.program], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in made.stdout.splitlines()]
    failures = texts = 0

    def report(what, schema, detail):
        nonlocal failures
        failures += 1
        if failures <= 5:
            print(f"{what}: {json.dumps(schema)}\n    {detail}")

    for (schema, value), answer in zip(cases, answers, strict=True):
        if "error" in answer:
            report("refused", schema, answer["error"])
            continue
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.FormatChecker(["date", "ipv4", "uuid"]))
        for text in answer["texts"]:
            texts += 1
            try:
                validator.validate(json.loads(text))
            except (ValueError, jsonschema.ValidationError) as error:
                report("not valid", schema, f"{text!r}: {str(error).splitlines()[0]}")
        # Constants are written without blanks.
        written = json.dumps(schema)
        constant = '"const"' in written or '"enum"' in written
        if not all(answer["accepts"][:1] if constant else answer["accepts"]):
            report("lacks", schema, json.dumps(value, ensure_ascii=False))
    print(f"{len(cases)} schemas, {texts} texts; {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
