#!/usr/bin/env python3
"""Templates in our engine and in Jinja2, set up as Hugging Face sets it up: equal texts, or both fail.

    jinja_test.py RENDER_TEMPLATES [--templates N] [--seed N]

Renders the templates of this folder with many conversations, then random templates. Without Jinja2 the
test is skipped.
"""
import argparse
import copy
import datetime
import json
import random
import re
import subprocess
import sys
import types
from pathlib import Path

try:
    import jinja2
    import jinja2.ext
    import jinja2.nodes
    import jinja2.sandbox
except ImportError:
    print("skipped: this Python has no jinja2 (Debian: python3-jinja2)")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from conversations import conversations  # noqa: E402
from random_templates import random_template, VARIABLES  # noqa: E402


class Generation(jinja2.ext.Extension):
    """{% generation %}: a scope whose text the trainer looks at."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_support")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _support(self, caller):
        return caller()


class Environment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Counts methods that are looked up and not called: what Python shows of them has an address in it, and
    so many characters."""
    METHODS = (types.BuiltinMethodType, types.MethodType)
    uncalled = 0

    def _count(self, value):
        self.uncalled += isinstance(value, self.METHODS)
        return value

    def getattr(self, obj, attribute):
        return self._count(super().getattr(obj, attribute))

    def getitem(self, obj, argument):
        return self._count(super().getitem(obj, argument))

    def call(__self, __context, __obj, *args, **kwargs):  # noqa: B902, as its base has it
        __self.uncalled -= isinstance(__obj, __self.METHODS)
        return super().call(__context, __obj, *args, **kwargs)


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    made = Environment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, "jinja2.ext.loopcontrols"])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = datetime.datetime(2025, 7, 4, 16, 5, 7).strftime
    return made


def expected(env, template, variables):
    env.uncalled = 0
    try:  # `indent` changes the list that it is given by mistake
        return {"text": env.from_string(template).render(**copy.deepcopy(variables))}
    except RecursionError:
        raise
    except Exception as e:  # any failure of the template is one
        return {"error": f"{type(e).__name__}: {e}"}


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, cases):
        lines = b"".join(json.dumps({
            "template": template,
            "variables": {k: json.dumps(v) for k, v in variables.items()},
        }).encode() + b"\n" for template, variables in cases)
        import threading
        writer = threading.Thread(target=lambda: (self.process.stdin.write(lines),
                                                  self.process.stdin.flush()))
        writer.start()
        answers = [json.loads(self.process.stdout.readline()) for _ in cases]
        writer.join()
        return answers


# What Python shows of functions and generators has addresses in it.
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
# Names of filters are looked up when they are used; Jinja2 mostly when it compiles.
UNKNOWN = ("TemplateAssertionError: No filter named", "TemplateAssertionError: No test named")


def same(want, got):
    if want.get("error", "").startswith(UNKNOWN) or ADDRESS.search(want.get("text", "")):
        return True
    if "error" in want or "error" in got:
        return ("error" in want) == ("error" in got)
    return want["text"] == got["text"]


def report(template, variables, want, got):
    print("template:", template)
    print("variables:", json.dumps(variables)[:2000])
    print("Jinja2:", json.dumps(want, ensure_ascii=False))
    print("ours:  ", json.dumps(got, ensure_ascii=False))


AT_ONCE = 500  # templates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--templates", type=int, default=15000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    env, ours = environment(), Ours(options.program)
    failures = count = texts = 0

    def compare(cases):
        nonlocal failures, count, texts
        for (template, variables), got in zip(cases, ours.render(cases)):
            want = expected(env, template, variables)
            count += 1
            texts += "text" in want
            if not same(want, got) and env.uncalled == 0:
                failures += 1
                if failures <= options.show:
                    report(template, variables, want, got)

    chats = conversations()
    for path in sorted((HERE / "templates").glob("*.jinja")):
        before, texts_before = failures, texts
        compare([(path.read_text(), chat) for chat in chats])
        if texts - texts_before < len(chats) // 4:
            print(f"{path.name}: only {texts - texts_before} of {len(chats)} conversations render")
            failures += 1
        if failures > before:
            print(f"{path.name}: {failures - before} differences")
    source = random.Random(options.seed)
    for _ in range(0, options.templates, AT_ONCE):
        compare([(random_template(source), VARIABLES) for _ in range(AT_ONCE)])
    ours.process.stdin.close()
    ours.process.wait()
    print(f"{count} templates, {texts} of them with a text; {failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
